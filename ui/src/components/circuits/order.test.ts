// @vitest-environment node
import { describe, expect, it } from "vitest"
import type { CircuitSummary } from "../../api/models"
import { ordered } from "./order"

function row(agent: string, change: Partial<CircuitSummary> = {}): CircuitSummary {
  const row = { agent, trouble: 6, failure_rate: 0, state: "closed", mode: "auto", problem: null }
  return { ...row, ...change } as CircuitSummary
}

function tableOf(...rows: CircuitSummary[]) {
  return new Map(rows.map((one) => [one.agent, one]))
}

const ALL = { states: [], text: "", agents: null }

describe("the order", () => {
  it("is trouble first, then failure rate, then name", () => {
    const rows = tableOf(
      row("b"),
      row("a"),
      row("failing", { failure_rate: 0.3 }),
      row("open", { trouble: 2, state: "open" }),
    )
    const order = ["open", "failing", "a", "b"]
    expect(ordered(rows, ALL)).toEqual(order)
    // Whatever stood there before: also names that are gone, and without some that are new.
    for (const before of [order, order.toReversed(), ["gone", "b", "open"]]) {
      expect(ordered(rows, ALL, before)).toEqual(order)
    }
  })

  it("does not follow every small move of a rate", () => {
    const rows = tableOf(row("a", { failure_rate: 0.11 }), row("b", { failure_rate: 0.14 }))
    expect(ordered(rows, ALL)).toEqual(["a", "b"])
  })
})

describe("the filter", () => {
  const rows = tableOf(
    row("billing", { state: "open" }),
    row("search", { state: "open", mode: "forced_closed" }),
    row("mail"),
  )

  it("goes by what is shown: an operator's word stands above the state", () => {
    expect(ordered(rows, { ...ALL, states: ["open"] })).toEqual(["billing"])
    expect(ordered(rows, { ...ALL, states: ["forced_closed"] })).toEqual(["search"])
  })

  it("finds part of a name, whatever its case", () => {
    expect(ordered(rows, { ...ALL, text: "IL" })).toEqual(["billing", "mail"])
  })

  it("takes those that have the tag", () => {
    expect(ordered(rows, { ...ALL, agents: new Set(["mail", "gone"]) })).toEqual(["mail"])
  })
})
