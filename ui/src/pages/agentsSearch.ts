/** Filters and order of the agents page, as they stand in its address. */
export interface AgentsSearch {
  q?: string
  tag?: string
  protocol?: string
  sort?: AgentsSort
}

export const AGENT_SORTS = {
  name: "By name",
  "-name": "By name, last first",
  "-updated_at": "Changed last first",
  updated_at: "Not changed for longest",
  "-created_at": "Newest first",
  created_at: "Oldest first",
} as const
export type AgentsSort = keyof typeof AGENT_SORTS

/** The filters of an address; what it does not understand is left out. */
export function agentsSearch(search: Record<string, unknown>): AgentsSearch {
  const text = (name: "q" | "tag" | "protocol") => {
    const value = search[name]
    return typeof value === "string" && value !== "" ? { [name]: value } : {}
  }
  const sort = search.sort
  return {
    ...text("q"),
    ...text("tag"),
    ...text("protocol"),
    ...(typeof sort === "string" && sort in AGENT_SORTS ? { sort: sort as AgentsSort } : {}),
  }
}
