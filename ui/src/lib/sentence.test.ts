import { describe, expect, it } from "vitest"
import type { CircuitBreakerConfig } from "../types/agent"
import { meaningOf } from "./sentence"

const USUAL: CircuitBreakerConfig = {
  enabled: true,
  failure_threshold: 5,
  failure_rate_threshold: 0.5,
  minimum_calls: 10,
  window_size_seconds: 120,
  timeout_seconds: 60,
  timeout_multiplier: 1,
  timeout_max_seconds: 600,
  half_open_max_calls: 3,
  probe_lease_seconds: 120,
  minimum_workers: 1,
  max_concurrent_calls: null,
  when_unavailable: "local",
  slow_call_seconds: null,
  slow_call_rate_threshold: 1,
  recovery_seconds: null,
  adaptive: false,
  adaptive_margin: 0.05,
  adaptive_floor: 0.1,
  adaptive_confidence: 0.9999,
  adaptive_half_life_seconds: 259200,
}

/** The sentences with the spaces that do not break as plain ones. */
function said(changes: Partial<CircuitBreakerConfig> = {}) {
  const { main, further } = meaningOf({ ...USUAL, ...changes })
  return { main: plain(main), further: further.map(plain).join("\n") }
}

const plain = (text: string) => text.replaceAll("\u00a0", " ")

describe("what comes with history", () => {
  it("says what adaptive thresholds do", () => {
    const { further } = said({ adaptive: true })
    expect(further).toContain("beyond chance, 5 % above it (threshold from 10 % to 50 %)")
    expect(said({ adaptive: true, failure_rate_threshold: null }).further).not.toContain("chance")
    expect(said().further).not.toContain("learns")
  })

  it("says how calls come back", () => {
    const { further } = said({ recovery_seconds: 300 })
    expect(further).toContain("grows from 10 % to all over 5 min")
  })
})

describe("when it opens", () => {
  it("says the defaults", () => {
    expect(said().main).toBe(
      "Opens after 5 failures in a row, or when half of at least 10 calls in 2 min fail; tries again after 60 s with 3 calls.",
    )
  })

  it.each<[string, Partial<CircuitBreakerConfig>, string]>([
    ["streak of one", { failure_threshold: 1 }, "after a single failure, or when"],
    ["streak off", { failure_threshold: null }, "Opens when half of at least 10 calls"],
    ["rate off", { failure_rate_threshold: null }, "Opens after 5 failures in a row; tries"],
    ["rate of all", { failure_rate_threshold: 1 }, "all of at least 10 calls in 2 min fail"],
    ["rate in percent", { failure_rate_threshold: 0.35 }, "35 % of at least 10 calls"],
    ["rate with a fraction", { failure_rate_threshold: 0.125 }, "12.5 % of at least 10 calls"],
    ["a tiny rate", { failure_rate_threshold: 0.001 }, "0.1 % of at least 10 calls"],
    ["one call is enough", { minimum_calls: 1 }, "half of the calls in 2 min fail"],
    ["window", { window_size_seconds: 5400 }, "10 calls in 1 h 30 min fail"],
    [
      "slow calls",
      { slow_call_seconds: 5 },
      "half of at least 10 calls in 2 min fail or all take 5 s or longer; tries",
    ],
    [
      "slow calls alone",
      {
        failure_threshold: null,
        failure_rate_threshold: null,
        slow_call_seconds: 0.25,
        slow_call_rate_threshold: 0.4,
      },
      "Opens when 40 % of at least 10 calls in 2 min take 250 ms or longer; tries",
    ],
    ["workers", { minimum_workers: 2 }, "fail, once at least 2 workers have seen trouble; tries"],
    [
      "no test",
      { failure_threshold: null, failure_rate_threshold: null, minimum_workers: 3 },
      "Never opens by itself, only by an operator; tries again after 60 s with 3 calls.",
    ],
  ])("%s", (_, changes, part) => {
    expect(said(changes).main).toContain(part)
  })

  it("says nothing of the slow rate while slow calls are not counted", () => {
    expect(said({ slow_call_rate_threshold: 0.4 }).main).toBe(said().main)
  })
})

describe("how it comes back", () => {
  it.each<[string, Partial<CircuitBreakerConfig>, string]>([
    ["open time", { timeout_seconds: 90 }, "tries again after 1 min 30 s with"],
    ["one call", { half_open_max_calls: 1 }, "with 1 call."],
    ["many calls", { half_open_max_calls: 20 }, "with 20 calls."],
  ])("%s", (_, changes, part) => {
    expect(said(changes).main).toContain(part)
  })

  it.each<[string, Partial<CircuitBreakerConfig>, string]>([
    ["Retry-After", {}, "longer if the agent asks for it (Retry-After), up to 10 min."],
    [
      "growth",
      { timeout_multiplier: 2 },
      "in a row the wait is 2 times as long, or as long as the agent asks for (Retry-After), up to 10 min.",
    ],
    ["cap", { timeout_max_seconds: 3600 }, "up to 1 h."],
    [
      "no room to grow",
      { timeout_max_seconds: 60, timeout_multiplier: 2 },
      "The wait never gets longer",
    ],
    ["lease", { probe_lease_seconds: 30 }, "A call that tries is cut off after 30 s."],
    ["cap on calls", { max_concurrent_calls: 20 }, "at most 20 calls at a time"],
    ["local", {}, "each worker decides by what it sees itself"],
    ["last known", { when_unavailable: "last_known" }, "the last known state stays in force"],
    ["reject", { when_unavailable: "reject" }, "While Redis is away, every call is refused"],
  ])("%s", (_, changes, part) => {
    expect(said(changes).further).toContain(part)
  })

  it("says nothing of a cap on calls where there is none", () => {
    expect(said().further).not.toContain("at a time")
  })
})

describe("off", () => {
  it("says that nothing is refused", () => {
    const { main, further } = said({ enabled: false })
    expect(main).toBe(
      "The breaker is off: every call is admitted, and outcomes are still recorded.",
    )
    expect(further).toBe("")
  })

  it("still says the cap on calls, which holds without a breaker", () => {
    expect(said({ enabled: false, max_concurrent_calls: 4 }).further).toContain("at most 4 calls")
  })
})

it("gives every combination of tests one whole sentence", () => {
  for (const failure_threshold of [null, 1, 5])
    for (const failure_rate_threshold of [null, 0.3])
      for (const slow_call_seconds of [null, 2])
        for (const minimum_workers of [1, 2]) {
          const { main } = said({
            failure_threshold,
            failure_rate_threshold,
            slow_call_seconds,
            minimum_workers,
          })
          expect(main).toMatch(/^(Opens|Never opens) [^;%]*( %[^;%]*)?; tries again after [^;]*\.$/)
        }
})
