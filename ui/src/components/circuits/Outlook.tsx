import type { CircuitSummary } from "../../api/models"
import { count } from "../../lib/format"
import { Countdown } from "../state/Countdown"
import { ModeBadge } from "../state/ModeBadge"

/** What comes next for a circuit in trouble, counting down. */
export function Outlook({ row }: { row: CircuitSummary }) {
  if (row.mode !== "auto") return <ModeBadge mode={row.mode} untilMs={row.mode_until_ms} />
  const probes = row.thresholds?.half_open_max_calls ?? 0
  if (row.state === "open" && row.open_until_ms !== null) {
    return (
      <span>
        Tries again in <Countdown untilMs={row.open_until_ms} over="0:00" />
      </span>
    )
  }
  if (row.state === "half_open") {
    return (
      <span className="fl-num">
        {count(row.probe_successes)} of {count(probes)} probes well
        {row.probes_out > 0 && `, ${count(row.probes_out)} under way`}
      </span>
    )
  }
  return <span>Closed again</span>
}
