import { describe, expect, it } from "vitest"
import { containing, contextOf, fetched, held, MIN_SPAN_MS, panned, spanOf, zoomed } from "./view"

const HOUR = 3_600_000
const bounds = { firstMs: 1_000 * HOUR, nowMs: 1_100 * HOUR }
const view = { fromMs: 1_050 * HOUR, toMs: 1_051 * HOUR }

describe("a view", () => {
  it("keeps what is under the pointer in place when it zooms", () => {
    const around = view.fromMs + HOUR / 4
    const next = zoomed(view, 0.5, around)
    expect(spanOf(next)).toBe(HOUR / 2)
    expect((around - next.fromMs) / spanOf(next)).toBeCloseTo(0.25)
  })

  it("never becomes shorter than can be drawn", () => {
    expect(spanOf(zoomed({ fromMs: 0, toMs: 1_500 }, 0.001, 500))).toBe(MIN_SPAN_MS)
  })

  it("goes no farther than half of itself beyond the first event and now", () => {
    const late = held(panned(view, 1_000), bounds)
    expect(late.toMs).toBe(bounds.nowMs + HOUR / 2)
    const early = held(panned(view, -1_000), bounds)
    expect(early.fromMs).toBe(bounds.firstMs - HOUR / 2)
  })

  it("stays where it is when what is chosen is inside, else has it in its middle", () => {
    expect(containing(view, view.toMs)).toBe(view)
    const moved = containing(view, view.toMs + HOUR)
    expect((moved.fromMs + moved.toMs) / 2).toBe(view.toMs + HOUR)
  })
})

describe("the range that is asked for", () => {
  it("holds the view and stays the same while the view moves a little", () => {
    const asked = fetched(view)
    expect(asked.fromMs).toBeLessThanOrEqual(view.fromMs)
    expect(asked.toMs).toBeGreaterThanOrEqual(view.toMs)
    const grid = 2 ** Math.ceil(Math.log2(HOUR)) / 2
    const base = { fromMs: 900 * grid, toMs: 900 * grid + HOUR }
    expect(fetched(panned(base, 0.05))).toEqual(fetched(base))
  })

  it("is at most some times the view", () => {
    expect(spanOf(fetched(view))).toBeLessThanOrEqual(6 * HOUR)
  })
})

describe("the strip", () => {
  it("reaches from before the view to now", () => {
    const context = contextOf(
      { fromMs: bounds.nowMs - 30 * HOUR, toMs: bounds.nowMs - 29 * HOUR },
      bounds,
    )
    expect(context.toMs).toBe(bounds.nowMs)
    expect(spanOf(context)).toBe(7 * 24 * HOUR)
  })
})
