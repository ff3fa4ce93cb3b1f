import type { CountBucket, TimelineCounts } from "../../api/models"
import { OUTCOMES } from "./outcomes"

type Column = (number | null)[]

/** Buckets without a gap: those that the API left out because nothing happened are null. */
export function filled(counts: TimelineCounts): {
  times: number[]
  buckets: (CountBucket | null)[]
} {
  const known = new Map(counts.buckets.map((bucket) => [bucket.from_ms, bucket]))
  const times: number[] = []
  const buckets: (CountBucket | null)[] = []
  for (let at = counts.from_ms; at < counts.to_ms; at += counts.bucket_ms) {
    times.push(at)
    buckets.push(known.get(at) ?? null)
  }
  return { times, buckets }
}

/** Times in s, then the upper edge of each part of the stack in calls a second, topmost first. */
export function stackedRates(counts: TimelineCounts): number[][] {
  const { times, buckets } = filled(counts)
  const perSecond = 1_000 / counts.bucket_ms
  const edges = OUTCOMES.map(() => [] as number[])
  for (const bucket of buckets) {
    let edge = 0
    for (const [index, outcome] of OUTCOMES.entries()) {
      edge += bucket === null ? 0 : outcome.of(bucket) * perSecond
      edges[index]?.push(edge)
    }
  }
  return [times.map((at) => at / 1_000), ...edges.reverse()]
}

/** Times in s, then p50, p95 and p99 in ms; null where no call ended. */
export function latencies(counts: TimelineCounts): [number[], Column, Column, Column] {
  const { times, buckets } = filled(counts)
  return [
    times.map((at) => at / 1_000),
    buckets.map((bucket) => bucket?.p50_ms ?? null),
    buckets.map((bucket) => bucket?.p95_ms ?? null),
    buckets.map((bucket) => bucket?.p99_ms ?? null),
  ]
}

/** Counts of a range as one. */
export function totals(counts: TimelineCounts): { key: string; label: string; calls: number }[] {
  return OUTCOMES.map(({ key, label, of }) => ({
    key,
    label,
    calls: counts.buckets.reduce((sum, bucket) => sum + of(bucket), 0),
  }))
}
