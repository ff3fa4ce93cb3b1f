import { Tooltip } from "@mantine/core"
import type { ConnectionState } from "../api/stream"
import { useConnection } from "../api/useStream"
import classes from "./Shell.module.css"

const WORDS: Record<ConnectionState, string> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  stale: "Stale",
}
const MEANINGS: Record<ConnectionState, string> = {
  connecting: "Waiting for the first data",
  live: "Changes show as they happen",
  reconnecting: "The connection broke; trying again",
  stale: "No connection for some time; what you see may be old",
}

/** How the stream stands, in a word. */
export function ConnectionDot() {
  const { state } = useConnection()
  return (
    <Tooltip label={MEANINGS[state]}>
      <span className={classes.connection} data-state={state}>
        <span className={classes.dot} />
        <span className={classes.word}>{WORDS[state]}</span>
      </span>
    </Tooltip>
  )
}
