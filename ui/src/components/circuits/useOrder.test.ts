import { act, renderHook } from "@testing-library/react"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import type { CircuitSummary } from "../../api/models"
import { stream } from "../../api/stream"
import type { Filter } from "./order"
import { useOrder } from "./useOrder"

const ALL: Filter = { states: [], text: "", agents: null }

function tell(...rows: [agent: string, trouble: number][]): void {
  stream.table.changes({
    circuits: rows.map(([agent, trouble]) => row(agent, trouble)),
    removed: [],
    left: [],
  })
  act(() => stream.flush())
}

function row(agent: string, trouble: number): CircuitSummary {
  const shown = { state: "closed", mode: "auto", problem: null, thresholds: null }
  return { ...shown, agent, trouble, failure_rate: 0 } as unknown as CircuitSummary
}

beforeEach(() => {
  vi.useFakeTimers()
  tell(["a", 9], ["b", 9])
})

afterEach(() => {
  vi.advanceTimersByTime(5_000)
  vi.useRealTimers()
})

function wait(ms: number, scrolling = false): void {
  act(() => {
    for (let passed = 0; passed < ms; passed += 50) {
      if (scrolling) window.dispatchEvent(new Event("scroll"))
      vi.advanceTimersByTime(50)
    }
  })
}

it("follows the rows within a second", () => {
  const { result } = renderHook(() => useOrder(ALL, false))
  expect(result.current.names).toEqual(["a", "b"])
  tell(["b", 1])
  wait(1_100)
  expect(result.current.names).toEqual(["b", "a"])
})

it("stays as it is while the page scrolls, and follows when it is at rest", () => {
  const { result } = renderHook(() => useOrder(ALL, false))
  wait(50, true)
  tell(["b", 1])
  wait(3_000, true)
  expect(result.current).toEqual({ names: ["a", "b"], behind: false })
  wait(1_500)
  expect(result.current.names).toEqual(["b", "a"])
})

it("shows what another filter lets through also while the page scrolls", () => {
  const { result, rerender } = renderHook(({ filter }) => useOrder(filter, false), {
    initialProps: { filter: ALL },
  })
  wait(50, true)
  rerender({ filter: { ...ALL, text: "b" } })
  expect(result.current.names).toEqual(["b"])
})
