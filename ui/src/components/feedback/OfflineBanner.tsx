import { useConnection } from "../../api/useStream"
import { useNow } from "../../lib/clock"
import { relativeTime } from "../../lib/format"
import { OfflineIcon, WarningIcon } from "../icons"
import classes from "./feedback.module.css"

/** Says when what the page shows may be old, and since when. */
export function OfflineBanner() {
  const { state, lastSeenMs, health } = useConnection()
  useNow()
  if (state === "reconnecting" || state === "stale") {
    return (
      <div className={classes.banner} role="status">
        <OfflineIcon />
        {lastSeenMs === null ? (
          <span>The server does not answer. This page tries again by itself.</span>
        ) : (
          <span>
            The connection to the server is lost. You see what was known{" "}
            <span className="fl-num">{relativeTime(lastSeenMs, Date.now())}</span>; it goes on by
            itself.
          </span>
        )}
      </div>
    )
  }
  if (!health.server) {
    return (
      <div className={classes.banner} role="status">
        <WarningIcon />
        <span>Redis does not answer. States stand still; workers decide on what they know.</span>
      </div>
    )
  }
  if (health.unprojected_shards.length > 0) {
    return (
      <div className={classes.banner} role="status">
        <WarningIcon />
        <span>
          No projector folds {health.unprojected_shards.length} of the shards; their circuits stand
          still. Is a process with a projector running?
        </span>
      </div>
    )
  }
  return null
}
