import type { WhatIf, WhatIfAmount } from "../../api/models"
import { count, counted, duration } from "../../lib/format"

/** A figure that would have been: one number where the record knows, else its bounds. */
export function proposedText(amount: WhatIfAmount, text: (value: number) => string = count) {
  const low = text(amount.low)
  const high = text(amount.high)
  return low === high ? low : `${low} to ${high}`
}

export const timeText = (ms: number): string => duration(ms / 1_000)

/** How often some settings would have opened, in one sentence. */
export function lastDaySentence(answer: WhatIf): string {
  if (answer.events === 0) return "No calls in the last day to try these settings on."
  const { openings } = answer.total
  const times =
    openings.low === openings.high
      ? openings.low === 0
        ? "not have opened"
        : `have opened ${counted(openings.low, "time")}`
      : `have opened between ${count(openings.low)} and ${counted(openings.high, "time")}`
  return `In the last day these settings would ${times} (recorded: ${count(openings.recorded)}).`
}

/** The share of a range of which the record cannot know. */
export function unobservedShare(answer: WhatIf): number {
  return answer.unobserved_ms / Math.max(1, answer.until_ms - answer.since_ms)
}
