import { describe, expect, it } from "vitest"
import { barOf, rulesOf } from "./rules"

const row = {
  calls: 30,
  failures: 12,
  failure_rate: 0.4,
  slow_calls: 0,
  slow_call_rate: 0,
  consecutive_failures: 4,
  thresholds: {
    enabled: true,
    failure_threshold: 5,
    failure_rate_threshold: 0.5,
    minimum_calls: 10,
    window_size_seconds: 120,
    slow_call_seconds: null,
    slow_call_rate_threshold: 1,
    half_open_max_calls: 3,
    minimum_workers: 1,
    adaptive: false,
    usual_failure_rate: null as number | null,
  },
}
const bars = (given: typeof row) => rulesOf(given).map((near) => barOf(near, given))

describe("rules as bars", () => {
  it("name what is usual once it is known", () => {
    const learned = { ...row.thresholds, adaptive: true, usual_failure_rate: 0.05 }
    const few = { ...row, calls: 4, failures: 2, thresholds: learned }
    const [, rate] = bars(few)
    expect(rate?.detail).toContain("2 of 4\u00a0calls; usual 5")
    const [, unknown] = bars({ ...few, thresholds: { ...learned, usual_failure_rate: null } })
    expect(unknown?.detail.replaceAll("\u00a0", " ")).toContain("counts after 6 more calls")
  })

  it("put the tick where the circuit opens", () => {
    const [streak, rate, slow] = bars(row)
    expect(streak).toMatchObject({
      value: "4",
      threshold: "5",
      fill: 0.64,
      tick: 0.8,
      level: "near",
    })
    expect(rate).toMatchObject({ fill: 0.4, tick: 0.5, level: "near" })
    expect(rate?.detail.replaceAll("\u00a0", " ")).toBe("12 of 30 calls")
    expect(slow).toMatchObject({ threshold: null, tick: null, level: "off" })
  })

  it("say what a rate waits for, and alarm nobody before", () => {
    const [, rate] = bars({ ...row, calls: 4, failures: 4, failure_rate: 1 })
    expect(rate?.level).toBe("calm")
    expect(rate?.detail.replaceAll("\u00a0", " ")).toContain("counts after 6 more calls")
  })

  it("stay inside the bar beyond the threshold", () => {
    const [streak] = bars({ ...row, consecutive_failures: 50 })
    expect(streak).toMatchObject({ fill: 1, tick: 0.1, level: "over" })
  })
})
