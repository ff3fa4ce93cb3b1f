import { describe, expect, it } from "vitest"
import type { CountBucket, TimelineCounts } from "../../api/models"
import { latencies, stackedRates, totals } from "./series"

const bucket = (from_ms: number, rest: Partial<CountBucket>): CountBucket => ({
  from_ms,
  success: 0,
  failure: 0,
  timeout: 0,
  abandoned: 0,
  ignored: 0,
  not_sent: 0,
  probes: 0,
  p50_ms: null,
  p95_ms: null,
  p99_ms: null,
  longest_ms: 0,
  ...rest,
})
const counts: TimelineCounts = {
  from_ms: 10_000,
  to_ms: 25_000,
  bucket_ms: 5_000,
  buckets: [
    bucket(10_000, { success: 10, failure: 5, p50_ms: 20, p95_ms: 30, p99_ms: 40 }),
    bucket(20_000, { timeout: 5, ignored: 5, success: 5 }),
  ],
  complete_from_ms: 0,
  complete_to_ms: 25_000,
  note: "",
}

describe("series of a chart", () => {
  it("stack rates from the topmost edge down, with nothing where nothing happened", () => {
    expect(stackedRates(counts)).toEqual([
      [10, 15, 20],
      [3, 0, 3],
      [1, 0, 2],
      [1, 0, 1],
      [1, 0, 0],
    ])
  })

  it("break where no call ended", () => {
    expect(latencies(counts)[1]).toEqual([20, null, null])
  })

  it("sum up", () => {
    expect(totals(counts).map(({ key, calls }) => [key, calls])).toEqual([
      ["failure", 5],
      ["timeout", 5],
      ["other", 5],
      ["success", 15],
    ])
  })
})
