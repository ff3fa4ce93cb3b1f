// @vitest-environment node
import { describe, expect, it } from "vitest"
import type { CircuitFigures, CircuitSummary } from "./models"
import { CircuitTable } from "./table"

function row(agent: string, change: Partial<CircuitSummary> = {}): CircuitSummary {
  return {
    agent,
    calls: 0,
    cause: null,
    consecutive_failures: 0,
    epoch: 0,
    failure_rate: 0,
    failures: 0,
    mode: "auto",
    mode_until_ms: null,
    open_until_ms: null,
    recovering_until_ms: null,
    probe_successes: 0,
    probes_out: 0,
    problem: null,
    projected: true,
    revision: 1,
    since_ms: 0,
    slow_call_rate: 0,
    slow_calls: 0,
    spark: [],
    state: "closed",
    thresholds: null,
    trouble: 6,
    ...change,
  }
}

function figures(agent: string, calls: number): CircuitFigures {
  return {
    agent,
    calls,
    consecutive_failures: 0,
    failure_rate: 0,
    failures: 0,
    probe_successes: 0,
    probes_out: 0,
    slow_call_rate: 0,
    slow_calls: 0,
    spark: [[calls, 0]],
    trouble: 6,
  }
}

function loaded(...rows: CircuitSummary[]): CircuitTable {
  const table = new CircuitTable()
  table.snapshot({ part: 1, parts: 1, circuits: rows })
  table.take()
  return table
}

describe("a snapshot", () => {
  it("counts as loaded only with its last part", () => {
    const table = new CircuitTable()
    table.snapshot({ part: 1, parts: 2, circuits: [row("a")] })
    expect(table.loaded).toBe(false)
    expect(table.size).toBe(0)
    table.snapshot({ part: 2, parts: 2, circuits: [row("b")] })
    expect(table.loaded).toBe(true)
    expect([...table.names()]).toEqual(["a", "b"])
  })

  it("makes void what was known before, and tells who is gone", () => {
    const table = loaded(row("a"), row("b"))
    table.snapshot({ part: 1, parts: 1, circuits: [row("b"), row("c")] })
    expect([...table.names()]).toEqual(["b", "c"])
    const { names, members } = table.take()
    expect(names).toEqual(new Set(["a", "b", "c"]))
    expect(members).toBe(true)
  })

  it("that was cut off leaves what was known", () => {
    const table = loaded(row("a"))
    table.snapshot({ part: 1, parts: 3, circuits: [row("x")] })
    table.snapshot({ part: 1, parts: 1, circuits: [row("b")] })
    expect([...table.names()]).toEqual(["b"])
  })

  it("whose beginning was missed changes nothing", () => {
    const table = loaded(row("a"))
    table.snapshot({ part: 2, parts: 2, circuits: [row("b")] })
    expect([...table.names()]).toEqual(["a"])
  })

  it("announces no turns when it is the first, and those that were missed later", () => {
    const table = new CircuitTable()
    table.snapshot({ part: 1, parts: 1, circuits: [row("a", { state: "open" })] })
    expect(table.take().turns).toEqual([])
    table.snapshot({ part: 1, parts: 1, circuits: [row("a")] })
    expect(table.take().turns).toEqual([{ agent: "a", from: "open", to: "closed" }])
  })
})

describe("changes", () => {
  it("replace rows, and touch only those", () => {
    const table = loaded(row("a"), row("b"))
    const other = table.get("b")
    table.changes({ circuits: [row("a", { state: "open" })], removed: [], left: [] })
    expect(table.get("a")?.state).toBe("open")
    expect(table.get("b")).toBe(other)
    const touched = table.take()
    expect(touched.names).toEqual(new Set(["a"]))
    expect(touched.members).toBe(false)
    expect(touched.turns).toEqual([{ agent: "a", from: "closed", to: "open" }])
  })

  it("take removed agents and those that left the filter out", () => {
    const table = loaded(row("a"), row("b"), row("c"))
    table.changes({ circuits: [], removed: ["a"], left: ["b", "unknown"] })
    expect([...table.names()]).toEqual(["c"])
    expect(table.take().names).toEqual(new Set(["a", "b"]))
  })

  it("of an operator's word turn what is shown, though the state stays", () => {
    const table = loaded(row("a"))
    table.changes({ circuits: [row("a", { mode: "forced_open" })], removed: [], left: [] })
    expect(table.take().turns).toEqual([{ agent: "a", from: "closed", to: "forced_open" }])
  })
})

describe("figures", () => {
  it("go over the row there is and keep the rest of it", () => {
    const table = loaded(row("a", { state: "open", epoch: 7 }))
    table.figures([figures("a", 12)])
    expect(table.get("a")).toMatchObject({ state: "open", epoch: 7, calls: 12, spark: [[12, 0]] })
    expect(table.take().names).toEqual(new Set(["a"]))
  })

  it("of an agent that is not there make no row", () => {
    const table = loaded(row("a"))
    table.figures([figures("gone", 12)])
    expect(table.size).toBe(1)
    expect(table.take().names.size).toBe(0)
  })
})

describe("counts", () => {
  it("follow every change", () => {
    const table = loaded(row("a"), row("b"), row("c", { problem: "cannot be read" }))
    expect(table.counts()).toMatchObject({ closed: 2, open: 0, unreadable: 1 })
    table.changes({ circuits: [row("a", { state: "open" })], removed: ["b"], left: [] })
    expect(table.counts()).toMatchObject({ closed: 0, open: 1, unreadable: 1 })
  })
})
