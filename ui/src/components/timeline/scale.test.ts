import { describe, expect, it } from "vitest"
import { niceTop, scaleOf, tickLabel, tickStep, ticksOf } from "./scale"

const view = { fromMs: 1_000_000, toMs: 1_060_000 }

describe("a scale", () => {
  it("turns times into px and back", () => {
    const scale = scaleOf(view, 600, 40)
    expect(scale.x(view.fromMs)).toBe(40)
    expect(scale.x(view.toMs)).toBe(640)
    expect(scale.at(scale.x(1_030_000))).toBeCloseTo(1_030_000)
  })
})

describe("ticks", () => {
  it("stand on round times at least the gap apart", () => {
    const step = tickStep(view, 600, 76)
    expect(step).toBe(10_000)
    expect(ticksOf(view, step, 0)).toEqual([
      1_000_000, 1_010_000, 1_020_000, 1_030_000, 1_040_000, 1_050_000, 1_060_000,
    ])
  })

  it("of hours stand on local hours where the zone is half an hour off", () => {
    const day = { fromMs: 0, toMs: 4 * 3_600_000 }
    expect(ticksOf(day, 3_600_000, 1_800_000)[0]).toBe(1_800_000)
  })

  it("say as much of the time as their step needs", () => {
    const at = new Date(2026, 10, 24, 14, 3, 7, 300).getTime()
    expect(tickLabel(at, 60_000)).toBe("14:03")
    expect(tickLabel(at, 1_000)).toBe("14:03:07")
    expect(tickLabel(at, 100)).toBe("07.3")
    expect(tickLabel(at, 86_400_000)).toBe("24 Nov")
  })
})

describe("the top of an axis", () => {
  it("is round and not below what it shows", () => {
    expect([0, 1, 7, 11, 350, 1_001].map(niceTop)).toEqual([1, 1, 8, 20, 400, 2_000])
  })
})
