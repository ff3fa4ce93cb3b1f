import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { api } from "../../api/client"
import type { TimelineItem, TimelinePage } from "../../api/models"
import { serverNow } from "../../lib/clock"
import { type RangeName, rangeMs } from "./ranges"
import { timelineKey } from "./useChangeTick"

const FAILURES_READ = 1_000
// Failures among many calls come in pages that are not full.
const MOST_PAGES = 8
const MAX_BUCKETS = 120
const growing = { untilMs: Number.POSITIVE_INFINITY }

/** How the calls of the last while ended. */
export function useRangeCounts(name: string, range: RangeName) {
  return useQuery({
    queryKey: timelineKey(name, "last-counts", range),
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/timeline/counts", {
        path: { name },
        query: { since: `-${range}`, max_buckets: MAX_BUCKETS },
        signal,
      }),
    placeholderData: keepPreviousData,
    meta: growing,
  })
}

async function newestFailures(name: string, range: RangeName, signal: AbortSignal) {
  let items: TimelineItem[] = []
  let before: string | null = null
  const since = String(serverNow() - rangeMs(range))
  for (let read = 0; read < MOST_PAGES && items.length < FAILURES_READ; read += 1) {
    const page: TimelinePage = await api.get("/api/v1/circuits/{name}/timeline", {
      path: { name },
      query: { since, kinds: "failures", limit: FAILURES_READ - items.length, before },
      signal,
    })
    items = [...page.items, ...items]
    before = page.older
    if (before === null) return { items, cut: false }
  }
  return { items, cut: true }
}

/** The newest failures of the last while; `cut` says that there are more. */
export function useRecentFailures(name: string, range: RangeName) {
  return useQuery({
    queryKey: timelineKey(name, "last-failures", range),
    queryFn: ({ signal }) => newestFailures(name, range, signal),
    placeholderData: keepPreviousData,
    meta: growing,
  })
}

/** Calls and failures of the last while by worker. */
export function useWorkers(name: string, range: RangeName) {
  return useQuery({
    queryKey: timelineKey(name, "workers", range),
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/workers", {
        path: { name },
        query: { since: `-${range}` },
        signal,
      }),
    placeholderData: keepPreviousData,
    meta: growing,
  })
}

/** The calls that ended last. */
export function useRecentCalls(name: string, limit: number) {
  return useQuery({
    queryKey: timelineKey(name, "last-calls", limit),
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/timeline", {
        path: { name },
        query: { kinds: "outcomes", limit },
        signal,
      }),
    placeholderData: keepPreviousData,
    meta: growing,
  })
}
