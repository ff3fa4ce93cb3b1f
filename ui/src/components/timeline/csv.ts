import type { TimelineItem } from "../../api/models"

export const COLUMNS = [
  "at",
  "kind",
  "id",
  "from",
  "to",
  "cause",
  "why",
  "mode",
  "actor",
  "reason",
  "revision",
  "epoch",
  "failure_kind",
  "duration_ms",
  "worker",
  "trace_id",
  "span_id",
  "permit",
] as const satisfies readonly (keyof TimelineItem)[]

// A spreadsheet would take a text that begins so for a formula and run it.
const FORMULA = /^[=+\-@\t\r]/

/** A value as a field of CSV (RFC 4180). */
export function csvField(value: unknown): string {
  if (value === null || value === undefined) return ""
  const text = typeof value === "object" ? JSON.stringify(value) : String(value)
  const safe = typeof value === "string" && FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** Items as CSV with a head. */
export function toCsv(items: readonly TimelineItem[]): string {
  const rows = items.map((item) => COLUMNS.map((column) => csvField(item[column])).join(","))
  return `${[COLUMNS.join(","), ...rows].join("\r\n")}\r\n`
}
