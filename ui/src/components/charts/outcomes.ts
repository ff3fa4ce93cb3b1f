import type { CountBucket } from "../../api/models"
import type { Colors } from "./useColors"

/** A part of a stack of calls. */
export interface Outcome {
  key: "success" | "other" | "timeout" | "failure"
  label: string
  color: keyof Colors
  of: (bucket: CountBucket) => number
}

/** How calls end, from the bottom of the stack to its top. */
export const OUTCOMES: readonly Outcome[] = [
  { key: "failure", label: "Failures", color: "failure", of: (one) => one.failure },
  { key: "timeout", label: "Timeouts", color: "timeout", of: (one) => one.timeout },
  {
    key: "other",
    label: "Abandoned, ignored, not sent",
    color: "other",
    of: (one) => one.abandoned + one.ignored + one.not_sent,
  },
  { key: "success", label: "Successes", color: "success", of: (one) => one.success },
]

/** All calls that ended in a bucket. */
export function callsOf(bucket: CountBucket): number {
  return OUTCOMES.reduce((sum, outcome) => sum + outcome.of(bucket), 0)
}
