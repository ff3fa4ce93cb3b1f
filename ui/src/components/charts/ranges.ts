const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Ranges of the charts of an agent. */
export const RANGES = [
  { value: "15m", label: "15 min", ms: 15 * MINUTE },
  { value: "1h", label: "1 h", ms: HOUR },
  { value: "6h", label: "6 h", ms: 6 * HOUR },
  { value: "24h", label: "24 h", ms: 24 * HOUR },
  { value: "7d", label: "7 d", ms: 7 * 24 * HOUR },
] as const

export type RangeName = (typeof RANGES)[number]["value"]

export function isRange(value: string): value is RangeName {
  return RANGES.some((one) => one.value === value)
}

export function rangeMs(name: RangeName): number {
  return RANGES.find((one) => one.value === name)?.ms ?? HOUR
}
