import { ALL_GROUPS, type Group, groupsFrom } from "../components/timeline/kinds"

/** What the address of a timeline says; without `from` and `to` it is live. */
export interface TimelineSearch {
  /** The range, ms since 1970. */
  from?: number
  to?: number
  /** How much a live timeline shows, in ms. */
  span?: number
  /** Id of the chosen transition. */
  sel?: string
  /** The instant that is looked at, ms since 1970. */
  at?: number
  /** Groups of kinds that are shown; absent: all. */
  kinds?: Group[]
  /** Whether calls stand in the list too; absent: changes only. */
  list?: "all" | "changes"
}

const MAX_MS = 253_402_300_799_999

function instant(value: unknown): number | undefined {
  const whole = typeof value === "number" && Number.isSafeInteger(value)
  return whole && value > 0 && value <= MAX_MS ? value : undefined
}

/** What an address says; what it does not understand is left out. */
export function timelineSearch(search: Record<string, unknown>): TimelineSearch {
  const from = instant(search.from)
  const to = instant(search.to)
  const span = instant(search.span)
  const at = instant(search.at)
  const sel = typeof search.sel === "number" ? String(search.sel) : search.sel
  const kinds = groupsFrom(search.kinds)
  return {
    ...(from !== undefined && to !== undefined && from < to ? { from, to } : {}),
    ...(span !== undefined ? { span } : {}),
    ...(typeof sel === "string" && sel !== "" ? { sel } : {}),
    ...(at !== undefined ? { at } : {}),
    ...(kinds.length < ALL_GROUPS.length ? { kinds } : {}),
    ...(search.list === "all" ? { list: "all" as const } : {}),
  }
}
