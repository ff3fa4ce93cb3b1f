import { stream } from "../../api/stream"
import { useNow } from "../../lib/clock"
import { perSecond } from "../../lib/format"
import classes from "./circuits.module.css"

/** Calls and failures a second of all circuits, over their windows; once a second. */
export function Totals() {
  useNow()
  let calls = 0
  let failures = 0
  for (const row of stream.table.values()) {
    const seconds = row.thresholds?.window_size_seconds ?? 0
    if (seconds <= 0) continue
    calls += row.calls / seconds
    failures += row.failures / seconds
  }
  return (
    <dl className={classes.totals} title="Of all circuits, averaged over their windows">
      <div>
        <dt>calls/s</dt>
        <dd className="fl-num">{perSecond(calls)}</dd>
      </div>
      <div>
        <dt>failures/s</dt>
        <dd className="fl-num">{perSecond(failures)}</dd>
      </div>
    </dl>
  )
}
