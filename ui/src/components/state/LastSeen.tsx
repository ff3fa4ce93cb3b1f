import { useConnection } from "../../api/useStream"
import { useNow } from "../../lib/clock"
import { relativeTime } from "../../lib/format"
import classes from "./state.module.css"

/** Stands at what may be old: when it was last known to be so. */
export function LastSeen() {
  const { lastSeenMs } = useConnection()
  useNow()
  if (lastSeenMs === null) return null
  return (
    <span className={`${classes.lastSeen} fl-num`}>
      last seen {relativeTime(lastSeenMs, Date.now())}
    </span>
  )
}
