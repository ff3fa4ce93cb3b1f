import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, useRef } from "react"
import { api } from "../../api/client"
import { type AgentsQuery, keys } from "../../api/queries"
import type { CircuitTable } from "../../api/table"
import { useCircuits } from "../../api/useStream"

const PAGE = 100
const SETTLE_MS = 500
const sizeOf = (table: CircuitTable) => (table.loaded ? table.size : null)

/** The registry page by page; read anew when agents come or go. */
export function useAgentPages(query: AgentsQuery) {
  const client = useQueryClient()
  const size = useCircuits(sizeOf)
  const known = useRef<number | null>(null)
  useEffect(() => {
    const before = known.current
    known.current = size
    if (before === null || size === null || before === size) return
    // Many that come at once are one reading.
    const timer = setTimeout(() => {
      void client.invalidateQueries({ queryKey: keys.agents() })
    }, SETTLE_MS)
    return () => clearTimeout(timer)
  }, [client, size])

  return useInfiniteQuery({
    queryKey: [...keys.agents(), "pages", query],
    queryFn: ({ pageParam, signal }) =>
      api.get("/api/v1/agents", {
        query: { ...query, limit: PAGE, ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  })
}
