import type { CircuitSummary } from "../../api/models"
import { count, percent } from "../../lib/format"
import classes from "./circuits.module.css"

interface Props {
  row: Pick<CircuitSummary, "calls" | "failures" | "failure_rate" | "thresholds">
  /** With the calls behind the rate in words. */
  long?: boolean
}

const NEAR = 0.8

/** The failure rate beside its threshold: a bar with a tick where it opens. */
export function RateBar({ row, long = false }: Props) {
  const threshold = row.thresholds?.failure_rate_threshold ?? null
  const minimum = row.thresholds?.minimum_calls ?? 0
  const waits = row.calls < minimum
  return (
    <div className={classes.rate} title={meaningOf(row, threshold, minimum)}>
      <div className={classes.track} aria-hidden>
        <div
          className={classes.fill}
          data-level={levelOf(row.failure_rate, threshold, waits)}
          style={{ width: `${row.failure_rate * 100}%` }}
        />
        {threshold !== null && (
          <div className={classes.tick} style={{ left: `${threshold * 100}%` }} />
        )}
      </div>
      <span className={`${classes.rateText} fl-num`}>
        {row.calls === 0 ? "–" : percent(row.failure_rate)}
        {threshold !== null && <span className={classes.of}> of {percent(threshold)}</span>}
        {long && (
          <span className={classes.of}>
            {" "}
            <span className={classes.together}>
              ({count(row.failures)} of {count(row.calls)} calls)
            </span>
          </span>
        )}
      </span>
    </div>
  )
}

function levelOf(rate: number, threshold: number | null, waits: boolean): string {
  if (threshold === null || waits) return "off"
  if (rate >= threshold) return "over"
  return rate >= threshold * NEAR ? "near" : "below"
}

function meaningOf(row: Props["row"], threshold: number | null, minimum: number): string {
  const made = `${count(row.failures)} of ${count(row.calls)} calls in the window failed`
  if (threshold === null) return `${made}; the rate opens nothing here`
  if (row.calls < minimum) return `${made}; the rate counts from ${count(minimum)} calls on`
  return `${made}; opens at ${percent(threshold)}`
}
