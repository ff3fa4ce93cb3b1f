import type { TimelineItem } from "../../api/models"
import { duration, unbroken } from "../../lib/format"
import { LOOKS } from "../../lib/shown"

const CALLS: Partial<Record<TimelineItem["kind"], string>> = {
  success: "Success",
  failure: "Failure",
  timeout: "Timeout",
  abandoned: "Abandoned",
  ignored: "Ignored",
  not_sent: "Not sent",
  probe: "Probe began",
}

const MODES = {
  auto: "Back to automatic",
  forced_open: "Forced open",
  forced_closed: "Forced closed",
} as const

/** What an item is, in two or three words. */
export function titleOf(item: TimelineItem): string {
  switch (item.kind) {
    case "transition":
      return item.to === undefined ? "Transition" : LOOKS[item.to].word
    case "override":
      return item.mode === undefined ? "Override" : MODES[item.mode]
    case "config":
      return item.config === null ? "Removed" : "Settings"
    case "set_aside":
      return "Event set aside"
    case "rebuilt":
      return "Rebuilt from the log"
    case "shadow":
      return item.to === undefined ? "Shadow" : `Shadow ${LOOKS[item.to].word.toLowerCase()}`
    case "shadow_set":
      return Object.keys(item.settings ?? {}).length > 0 ? "Shadow begins" : "Shadow ends"
    default:
      return CALLS[item.kind] ?? item.kind
  }
}

/** What is to be known of it beside its title. */
export function detailOf(item: TimelineItem): string {
  if (item.why !== undefined) return unbroken(item.why)
  if (item.error !== undefined) return item.error
  if (item.kind === "failure") return item.failure_kind ?? ""
  return ""
}

/** How long a call took. */
export function tookWords(ms: number): string {
  return ms === 0 ? "under 1\u00a0ms" : duration(ms / 1_000)
}

const NAMES: Record<string, string> = {
  consecutive_failures: "Failures in a row",
  failure_rate: "Failure rate",
  slow_call_rate: "Slow calls",
}

/** A rule in words. */
export function ruleName(rule: string): string {
  return NAMES[rule] ?? rule.replaceAll("_", " ")
}

const CAUSES: Record<string, string> = {
  consecutive_failures: "the rule failures in a row",
  failure_rate: "the rule failure rate",
  slow_call_rate: "the rule slow calls",
  open_time_over: "the open time was over",
  probes_succeeded: "its probes succeeded",
  probe_failed: "a probe failed",
  probes_inconclusive: "its probes had no result",
  reset: "an operator reset it",
  disabled: "the breaker was turned off",
  removed: "the agent was removed",
}

/** The cause of a transition in words. */
export function causeWords(cause: string | undefined): string {
  return cause === undefined ? "" : (CAUSES[cause] ?? cause.replaceAll("_", " "))
}
