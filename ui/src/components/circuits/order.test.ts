// @vitest-environment node
import { describe, expect, it } from "vitest"
import type { CircuitSummary } from "../../api/models"
import { ordered } from "./order"

function row(agent: string, change: Partial<CircuitSummary> = {}): CircuitSummary {
  const row = { agent, trouble: 6, failure_rate: 0, state: "closed", mode: "auto", problem: null }
  return { ...row, ...change } as CircuitSummary
}

const ALL = { states: [], text: "" }

describe("the order", () => {
  it("is trouble first, then failure rate, then name", () => {
    const rows = [
      row("b"),
      row("a"),
      row("failing", { failure_rate: 0.3 }),
      row("open", { trouble: 2, state: "open" }),
    ]
    expect(ordered(rows, ALL)).toEqual(["open", "failing", "a", "b"])
  })

  it("does not follow every small move of a rate", () => {
    const rows = [row("a", { failure_rate: 0.11 }), row("b", { failure_rate: 0.14 })]
    expect(ordered(rows, ALL)).toEqual(["a", "b"])
  })
})

describe("the filter", () => {
  const rows = [
    row("billing", { state: "open" }),
    row("search", { state: "open", mode: "forced_closed" }),
    row("mail"),
  ]

  it("goes by what is shown: an operator's word stands above the state", () => {
    expect(ordered(rows, { states: ["open"], text: "" })).toEqual(["billing"])
    expect(ordered(rows, { states: ["forced_closed"], text: "" })).toEqual(["search"])
  })

  it("finds part of a name, whatever its case", () => {
    expect(ordered(rows, { states: [], text: "IL" })).toEqual(["billing", "mail"])
  })
})
