import { useDebouncedValue } from "@mantine/hooks"
import { useMemo } from "react"
import type { TimelineItem } from "../../api/models"
import { callsOf } from "../charts/outcomes"
import { MAX_SINGLE, useBands, useCalls, useChanges, useCounts, useFirst } from "./queries"
import { contextOf, fetched, near, spanOf, type View } from "./view"

const SETTLE_MS = 120
const SINGLE_SPAN_MS = 20 * 60_000
const CONTEXT_GRID = 60
const NONE: never[] = []

export type Range = ReturnType<typeof useRange>

/** What the lanes show of a view: read for a range around it that changes seldom. */
export function useRange(name: string, view: View, nowMs: number) {
  const wanted = fetched(view)
  const [settled] = useDebouncedValue(`${wanted.fromMs} ${wanted.toMs}`, SETTLE_MS)
  const asked = useMemo(() => viewOf(settled), [settled])
  const first = useFirst(name)
  const bands = useBands(name, asked)
  const counts = useCounts(name, asked)
  const changes = useChanges(name, asked)
  const buckets = counts.data?.buckets ?? NONE
  const close = near(view)
  const [settledClose] = useDebouncedValue(`${close.fromMs} ${close.toMs}`, SETTLE_MS)
  const inside = useMemo(() => viewOf(settledClose), [settledClose])
  const bucketMs = counts.data?.bucket_ms ?? 0
  const total = buckets
    .filter(({ from_ms }) => from_ms + bucketMs > inside.fromMs && from_ms < inside.toMs)
    .reduce((sum, bucket) => sum + callsOf(bucket), 0)
  const isShort = spanOf(inside) <= SINGLE_SPAN_MS
  const isSingle = isShort && total > 0 && total <= MAX_SINGLE
  const calls = useCalls(name, inside, isSingle)
  const firstMs = first.data ?? nowMs

  const around = contextOf(view, { firstMs, nowMs })
  const grid = Math.max(1_000, (around.toMs - around.fromMs) / CONTEXT_GRID)
  const toMs = Math.ceil(around.toMs / grid) * grid
  const context = useMemo(() => ({ fromMs: toMs - grid * (CONTEXT_GRID + 1), toMs }), [toMs, grid])
  const contextBands = useBands(name, context)
  const contextCounts = useCounts(name, context, 120)
  return {
    bounds: { firstMs, nowMs },
    fetched: asked,
    context,
    contextBands: contextBands.data?.bands ?? NONE,
    contextCounts: contextCounts.data ?? null,
    bands: bands.data?.bands ?? NONE,
    counts: counts.data ?? null,
    calls: isSingle && calls.data !== undefined ? calls.data.items : null,
    changes: (changes.data?.items ?? NONE) as readonly TimelineItem[],
    notes: notesOf(changes.data?.older ?? null, bands.data?.truncated ?? false, counts.data),
    isLoading: counts.data === undefined || bands.data === undefined,
    error: bands.data === undefined ? bands.error : null,
    retry: () => void Promise.all([bands.refetch(), counts.refetch(), changes.refetch()]),
  }
}

function viewOf(text: string): View {
  const [fromMs = 0, toMs = 0] = text.split(" ").map(Number)
  return { fromMs: Math.floor(fromMs), toMs: Math.ceil(toMs) }
}

function notesOf(
  older: string | null,
  truncated: boolean,
  counts: { complete_from_ms: number; from_ms: number; note: string } | undefined,
): string[] {
  const notes: string[] = []
  if (older !== null) notes.push("Only the newest marks are drawn; zoom in for the others.")
  if (truncated) notes.push("There are too many states to draw them all; zoom in.")
  if (counts?.note) notes.push(counts.note)
  return notes
}
