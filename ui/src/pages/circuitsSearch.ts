import { SHOWN, type Shown } from "../lib/shown"

/** Filters of the circuits page, as they stand in its address. */
export interface CircuitsSearch {
  state?: Shown[]
  q?: string
  tag?: string
  /** What the list is grouped by; absent: it is not. */
  by?: "tag"
}

/** The filters of an address; what it does not understand is left out. */
export function circuitsSearch(search: Record<string, unknown>): CircuitsSearch {
  const given = Array.isArray(search.state) ? search.state : [search.state]
  const state = SHOWN.filter((one) => given.includes(one))
  return {
    ...(state.length > 0 ? { state } : {}),
    ...(typeof search.tag === "string" && search.tag !== "" ? { tag: search.tag } : {}),
    ...(search.by === "tag" ? { by: "tag" as const } : {}),
    ...(typeof search.q === "string" && search.q !== "" ? { q: search.q } : {}),
  }
}
