import { useInfiniteQuery, useQuery } from "@tanstack/react-query"
import { api } from "../../api/client"
import { timelineKey } from "../charts/useChangeTick"

const PAGE = 100
const TRANSITIONS = 300
const growing = { untilMs: Number.POSITIVE_INFINITY }

/** Overrides and changes of settings, a page at a time from the newest on. */
export function useAudit(name: string) {
  return useInfiniteQuery({
    queryKey: timelineKey(name, "audit"),
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/v1/circuits/{name}/timeline", {
        path: { name },
        query: { kinds: "override,config,shadow_set", limit: PAGE, before: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.older,
    meta: growing,
  })
}

/** When the agent left the registry, as far as the newest transitions tell. */
export function useRemovals(name: string) {
  return useQuery({
    queryKey: timelineKey(name, "removals"),
    queryFn: async ({ signal }) => {
      const page = await api.get("/api/v1/circuits/{name}/timeline", {
        path: { name },
        query: { kinds: "transition", limit: TRANSITIONS },
        signal,
      })
      return page.items.filter((item) => item.cause === "removed")
    },
  })
}
