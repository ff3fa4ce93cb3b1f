import { describe, expect, it } from "vitest"
import { changesOf, documentOf, type Flat, flatOf, patchOf } from "./flat"
import { readState, stateOf } from "./formState"
import { differencesOf, merged, usualSide } from "./merge"
import { agent } from "./testing"

const B = "circuit_breaker_config."

describe("what an agent sets", () => {
  it("leaves out what stands at its default", () => {
    expect(flatOf(agent({ timeout_seconds: 120, connect_timeout_seconds: 2 }))).toEqual({
      url: "https://billing.example.com/agent",
      connect_timeout_seconds: 2,
      failure_statuses: ["429", "5xx"],
      ignored_statuses: [],
    })
  })

  it("keeps what somebody chose of the breaker, also off and also at the default", () => {
    const chosen = { failure_threshold: null, timeout_seconds: 60, failure_rate_threshold: 0.29 }
    const flat = flatOf(agent({ circuit_breaker_config: chosen }))
    expect(flat).toMatchObject({
      [`${B}failure_threshold`]: null,
      [`${B}timeout_seconds`]: 60,
      [`${B}failure_rate_threshold`]: 0.29,
    })
    expect(flat).not.toHaveProperty(`${B}minimum_calls`)
  })

  it("comes out of the fields as it went in", () => {
    const flat = flatOf(
      agent({
        headers: { Authorization: "Bearer ***", "X.Y": "1" },
        tags: ["eu"],
        description: "Invoices\nand refunds",
        retry: { max_attempts: 1, backoff_seconds: 0, backoff_max_seconds: 5 },
        circuit_breaker_config: {
          failure_threshold: null,
          enabled: false,
          when_unavailable: "reject",
        },
      }),
    )
    expect(readState(stateOf("billing", flat))).toEqual({ flat, errors: {} })
  })
})

describe("what a save sends", () => {
  const base: Flat = {
    url: "https://a.example",
    description: "old",
    timeout_seconds: 10,
    [`${B}failure_threshold`]: 3,
    [`${B}minimum_calls`]: 4,
    "retry.max_attempts": 2,
    "retention.outcomes": 500,
    "headers.A": "***",
    "headers.B": "***",
  }

  it("names only what changed, each in the way that means it", () => {
    const after: Flat = {
      url: "https://a.example",
      [`${B}failure_threshold`]: null,
      "retry.max_attempts": 5,
      "retention.days": 30,
      "headers.A": "***",
      "headers.C": "new",
    }
    expect(patchOf(changesOf(base, after))).toEqual({
      description: null,
      timeout_seconds: null,
      circuit_breaker_config: { failure_threshold: null, minimum_calls: "default" },
      retry: { max_attempts: 5 },
      retention: { outcomes: null, days: 30 },
      headers: { B: null, C: "new" },
    })
  })

  it("sends nothing along with an address that goes", () => {
    const after: Flat = {
      description: "old",
      "retention.outcomes": 500,
      [`${B}failure_threshold`]: 3,
      [`${B}minimum_calls`]: 4,
    }
    expect(patchOf(changesOf(base, after))).toEqual({ url: null })
  })

  it("makes a whole document of a new agent", () => {
    expect(documentOf("x", { [`${B}timeout_seconds`]: 5, "headers.A": "b", tags: ["c"] })).toEqual({
      name: "x",
      circuit_breaker_config: { timeout_seconds: 5 },
      headers: { A: "b" },
      tags: ["c"],
    })
  })
})

describe("two versions", () => {
  const base: Flat = {
    description: "old",
    timeout_seconds: 10,
    attempt_timeout_seconds: 1,
    protocol: "http",
  }
  const mine: Flat = {
    description: "mine",
    timeout_seconds: 10,
    attempt_timeout_seconds: 2,
    protocol: "a2a",
  }
  const theirs: Flat = {
    description: "theirs",
    timeout_seconds: 20,
    attempt_timeout_seconds: 1,
    protocol: "a2a",
  }
  const differences = differencesOf(base, mine, theirs)

  it("differ where one of them is another, and clash where both are", () => {
    expect(
      differences.map(({ path, clash }) => [
        path,
        clash,
        usualSide({ base: base[path], mine: mine[path] } as never),
      ]),
    ).toEqual([
      ["description", true, "mine"],
      ["attempt_timeout_seconds", false, "mine"],
      ["timeout_seconds", false, "theirs"],
    ])
  })

  it("become one as chosen", () => {
    expect(merged(theirs, differences, {})).toEqual({
      ...theirs,
      description: "mine",
      attempt_timeout_seconds: 2,
    })
    expect(merged(theirs, differences, { description: "theirs", timeout_seconds: "mine" })).toEqual(
      {
        ...theirs,
        timeout_seconds: 10,
        attempt_timeout_seconds: 2,
      },
    )
    const cleared = differencesOf({ timeout_seconds: 1 }, {}, { timeout_seconds: 2 })
    expect(merged({ timeout_seconds: 2 }, cleared, {})).toEqual({})
  })
})
