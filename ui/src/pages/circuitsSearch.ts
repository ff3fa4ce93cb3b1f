import { SHOWN, type Shown } from "../lib/shown"

/** Filters of the circuits page, as they stand in its address. */
export interface CircuitsSearch {
  state?: Shown[]
  q?: string
}

/** The filters of an address; what it does not understand is left out. */
export function circuitsSearch(search: Record<string, unknown>): CircuitsSearch {
  const given = Array.isArray(search.state) ? search.state : [search.state]
  const state = SHOWN.filter((one) => given.includes(one))
  return {
    ...(state.length > 0 ? { state } : {}),
    ...(typeof search.q === "string" && search.q !== "" ? { q: search.q } : {}),
  }
}
