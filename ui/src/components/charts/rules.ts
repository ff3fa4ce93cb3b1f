import type { CircuitSummary, Nearness } from "../../api/models"
import { count, counted, percent } from "../../lib/format"

/** A rule as a bar with a tick at its threshold. */
export interface RuleBar {
  rule: string
  value: string
  threshold: string | null
  /** What the figure is made of. */
  detail: string
  /** Shares of the bar, 0 to 1. */
  fill: number
  tick: number | null
  level: "calm" | "near" | "over" | "off"
}

const NEAR = 0.7
// Beyond the threshold of a count there is room to show that it was passed.
const ROOM = 1.25

type Figures = Pick<
  CircuitSummary,
  "calls" | "failures" | "failure_rate" | "slow_calls" | "slow_call_rate" | "consecutive_failures"
> & { thresholds: CircuitSummary["thresholds"] }

/** The rules of a circuit with its figures of now, in the order in which they are tested. */
export function rulesOf(row: Figures): Nearness[] {
  const limits = row.thresholds
  const missing = limits === null ? 0 : Math.max(0, limits.minimum_calls - row.calls)
  const waits = missing > 0 ? `${counted(missing, "more call")} in the window` : null
  const one = (rule: string, value: number, threshold: number | null, waiting: string | null) => ({
    rule,
    value,
    threshold,
    nearness: threshold === null ? null : Math.min(1, value / threshold),
    waits_for: threshold === null ? null : waiting,
  })
  const slow =
    limits === null || limits.slow_call_seconds === null ? null : limits.slow_call_rate_threshold
  // What is surely above the usual rate opens however few calls that takes.
  const learned = typeof limits?.usual_failure_rate === "number"
  return [
    one("consecutive_failures", row.consecutive_failures, limits?.failure_threshold ?? null, null),
    one(
      "failure_rate",
      row.failure_rate,
      limits?.failure_rate_threshold ?? null,
      learned ? null : waits,
    ),
    one("slow_call_rate", row.slow_call_rate, slow, waits),
  ]
}

/** How a rule is drawn. */
export function barOf(near: Nearness, row: Figures): RuleBar {
  const isCount = near.rule === "consecutive_failures"
  const say = isCount ? count : percent
  const top = isCount
    ? Math.max((near.threshold ?? near.value) * ROOM, near.value, 1)
    : Math.max(1, near.value)
  return {
    rule: near.rule,
    value: say(near.value),
    threshold: near.threshold === null ? null : say(near.threshold),
    detail: detailOf(near, row),
    fill: near.value / top,
    tick: near.threshold === null ? null : near.threshold / top,
    level: levelOf(near),
  }
}

function detailOf(near: Nearness, row: Figures): string {
  if (near.threshold === null) return "this rule is off"
  if (near.rule === "consecutive_failures") return ""
  const part = near.rule === "failure_rate" ? row.failures : row.slow_calls
  const made = `${count(part)} of ${counted(row.calls, "call")}`
  if (near.waits_for !== null) return `${made}; counts after ${near.waits_for}`
  const usual = row.thresholds?.usual_failure_rate
  if (near.rule !== "failure_rate" || typeof usual !== "number") return made
  return `${made}; usual ${percent(usual)}, opens once it is surely at the threshold`
}

function levelOf({ nearness, waits_for }: Nearness): RuleBar["level"] {
  if (nearness === null) return "off"
  if (waits_for !== null) return "calm"
  if (nearness >= 1) return "over"
  return nearness >= NEAR ? "near" : "calm"
}
