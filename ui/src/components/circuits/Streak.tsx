import type { CircuitSummary } from "../../api/models"
import { count } from "../../lib/format"
import classes from "./circuits.module.css"

interface Props {
  row: Pick<CircuitSummary, "consecutive_failures" | "thresholds">
}

/** Failures in a row beside their threshold. */
export function Streak({ row }: Props) {
  const threshold = row.thresholds?.failure_threshold ?? null
  const title =
    threshold === null
      ? "Failures in a row; they open nothing here"
      : `Failures in a row; opens at ${count(threshold)}`
  return (
    <span className="fl-num" title={title}>
      {count(row.consecutive_failures)}
      {threshold !== null && <span className={classes.of}> of {count(threshold)}</span>}
    </span>
  )
}
