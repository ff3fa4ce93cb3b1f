import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query"
import { api } from "../../api/client"
import { timelineKey } from "../charts/useChangeTick"
import type { View } from "./view"

const HOUR_MS = 3_600_000
export const MAX_MARKS = 500
export const MAX_BANDS = 3_000
/** Up to so many calls are drawn one by one. */
export const MAX_SINGLE = 900
const PAGE = 200

const path = (name: string) => ({ name })
const range = (view: View) => ({ since: String(view.fromMs), until: String(view.toMs) })

/** The states over a range. */
export function useBands(name: string, view: View) {
  return useQuery({
    queryKey: timelineKey(name, "bands", view.fromMs, view.toMs),
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/timeline/bands", {
        path: path(name),
        query: { ...range(view), limit: MAX_BANDS },
        signal,
      }),
    placeholderData: keepPreviousData,
    meta: { untilMs: view.toMs },
  })
}

/** How calls ended, by buckets. */
export function useCounts(name: string, view: View, maxBuckets = 300) {
  return useQuery({
    queryKey: timelineKey(name, "counts", view.fromMs, view.toMs, maxBuckets),
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/timeline/counts", {
        path: path(name),
        query: { ...range(view), max_buckets: maxBuckets },
        signal,
      }),
    placeholderData: keepPreviousData,
    meta: { untilMs: view.toMs },
  })
}

/** The newest changes of a range. */
export function useChanges(name: string, view: View) {
  return useQuery({
    queryKey: timelineKey(name, "changes", view.fromMs, view.toMs),
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/timeline", {
        path: path(name),
        query: { ...range(view), kinds: "changes", limit: MAX_MARKS },
        signal,
      }),
    placeholderData: keepPreviousData,
    meta: { untilMs: view.toMs },
  })
}

/** Every call of a short range. */
export function useCalls(name: string, view: View, enabled: boolean) {
  return useQuery({
    queryKey: timelineKey(name, "calls", view.fromMs, view.toMs),
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/timeline", {
        path: path(name),
        query: { ...range(view), kinds: "outcomes,probe", limit: 1_000 },
        signal,
      }),
    placeholderData: keepPreviousData,
    enabled,
    meta: { untilMs: view.toMs },
  })
}

/** The first thing that is known of an agent; null: nothing is. */
export function useFirst(name: string) {
  return useQuery({
    queryKey: timelineKey(name, "first"),
    queryFn: async ({ signal }) => {
      const page = await api.get("/api/v1/circuits/{name}/timeline", {
        path: path(name),
        query: { after: "oldest", limit: 1 },
        signal,
      })
      return page.items[0]?.at_ms ?? null
    },
    staleTime: HOUR_MS,
  })
}

/** What happened in a range, the newest first, a page at a time. */
export function useItems(name: string, view: View, kinds: readonly string[]) {
  return useInfiniteQuery({
    queryKey: timelineKey(name, "items", view.fromMs, view.toMs, kinds.join(",")),
    queryFn: ({ signal, pageParam }) =>
      api.get("/api/v1/circuits/{name}/timeline", {
        path: path(name),
        query: { ...range(view), kinds: kinds.join(","), limit: PAGE, before: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.older,
    placeholderData: keepPreviousData,
    enabled: kinds.length > 0,
    meta: { untilMs: view.toMs },
  })
}

/** Why a transition or an override happened. */
export function useExplanation(name: string, transition: string | null) {
  return useQuery({
    queryKey: ["explanation", name, transition],
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/explain", {
        path: path(name),
        query: { transition: transition ?? "" },
        signal,
      }),
    enabled: transition !== null,
    staleTime: HOUR_MS,
  })
}

/** The circuit as it was at an instant. */
export function useStateAt(name: string, atMs: number | null) {
  return useQuery({
    queryKey: ["state-at", name, atMs],
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/state", {
        path: path(name),
        query: { at: String(atMs) },
        signal,
      }),
    enabled: atMs !== null,
    placeholderData: keepPreviousData,
    staleTime: HOUR_MS,
    gcTime: 30_000,
  })
}

/** The transition or override after or before an instant, outside of what is loaded. */
export async function neighbourOf(
  name: string,
  direction: "next" | "previous",
  fromMs: number,
  signal?: AbortSignal,
) {
  const page = await api.get("/api/v1/circuits/{name}/timeline", {
    path: path(name),
    query: {
      kinds: "transition,override",
      limit: 1,
      ...(direction === "next"
        ? { since: String(fromMs + 1), after: "oldest" }
        : { until: String(Math.max(0, fromMs - 1)) }),
    },
    ...(signal ? { signal } : {}),
  })
  return page.items[0] ?? null
}
