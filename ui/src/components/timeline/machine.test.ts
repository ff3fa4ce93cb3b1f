import { describe, expect, it } from "vitest"
import type { TimelineItem } from "../../api/models"
import { afterKey, type Context, type TimelineState } from "./machine"
import { spanOf } from "./view"

const NOW = 10_000_000
const change = (id: string, at_ms: number, kind: TimelineItem["kind"] = "transition") =>
  ({ id, at: null, at_ms, kind }) satisfies TimelineItem
const context: Context = {
  firstMs: 1_000_000,
  nowMs: NOW,
  changes: [
    change("a", 9_100_000),
    change("s", 9_150_000, "config"),
    change("b", 9_200_000),
    change("c", 9_900_000, "override"),
  ],
}
const start: TimelineState = {
  view: { fromMs: 9_000_000, toMs: 9_600_000 },
  live: false,
  selected: null,
  opened: false,
  pinnedMs: null,
}
const press = (state: TimelineState, keys: string[], shift = false): TimelineState =>
  keys.reduce((before, key) => afterKey(before, key, shift, context)?.state ?? before, state)

describe("the keys of a timeline", () => {
  it("move the view and bring it back", () => {
    expect(press(start, ["ArrowLeft"]).view.fromMs).toBe(8_880_000)
    expect(press(start, ["ArrowLeft", "ArrowRight"]).view).toEqual(start.view)
    expect(press(start, ["ArrowLeft"], true).view.fromMs).toBe(8_520_000)
  })

  it("zoom around the middle, and around what is chosen", () => {
    expect(press(start, ["+"]).view).toEqual({ fromMs: 9_150_000, toMs: 9_450_000 })
    const near = press({ ...start, selected: "a" }, ["+"]).view
    expect(near).toEqual({ fromMs: 9_050_000, toMs: 9_350_000 })
    expect(press(start, ["+", "-"]).view).toEqual(start.view)
  })

  it("stay live when they zoom, and are no longer when they go back", () => {
    const live = press(start, ["End"])
    expect(live).toMatchObject({ live: true, view: { toMs: NOW } })
    const zoomed = press(live, ["+"])
    expect(zoomed).toMatchObject({ live: true, view: { toMs: NOW } })
    expect(spanOf(zoomed.view)).toBe(300_000)
    expect(press(live, ["ArrowRight"]).live).toBe(true)
    expect(press(live, ["ArrowLeft"]).live).toBe(false)
  })

  it("go to the first event", () => {
    expect(press(start, ["Home"]).view.fromMs).toBe(context.firstMs)
  })

  it("walk over transitions and overrides, not over settings", () => {
    expect(press(start, ["n"]).selected).toBe("a")
    expect(press(start, ["n", "n"]).selected).toBe("b")
    expect(press(start, ["n", "n", "p"]).selected).toBe("a")
    expect(press(start, ["p"]).selected).toBe("b")
  })

  it("bring a neighbour outside of the view into its middle", () => {
    const moved = press(start, ["n", "n", "n"])
    expect(moved.selected).toBe("c")
    expect((moved.view.fromMs + moved.view.toMs) / 2).toBe(9_900_000)
  })

  it("ask for a neighbour that is not loaded", () => {
    const step = afterKey({ ...start, selected: "c" }, "n", false, context)
    expect(step?.seek).toEqual({ direction: "next", fromMs: 9_900_000 })
    const back = afterKey({ ...start, selected: "a" }, "p", false, context)
    expect(back?.seek).toEqual({ direction: "previous", fromMs: 9_100_000 })
  })

  it("open an explanation, close it, then let the choice go", () => {
    const opened = press(start, ["n", "Enter"])
    expect(opened.opened).toBe(true)
    const closed = press(opened, ["Escape"])
    expect(closed).toMatchObject({ opened: false, selected: "a" })
    expect(press(closed, ["Escape"]).selected).toBeNull()
    expect(afterKey(start, "Escape", false, context)).toBeNull()
  })

  it("keep an instant and move it, never beyond now", () => {
    expect(press(start, ["."]).pinnedMs).toBe(9_306_000)
    expect(press(start, [".", ","]).pinnedMs).toBe(9_300_000)
    const live = { ...press(start, ["End"]), pinnedMs: NOW - 1 }
    expect(press(live, [".", "."]).pinnedMs).toBe(NOW)
  })

  it("leave other keys to the page", () => {
    expect(afterKey(start, "Tab", false, context)).toBeNull()
  })
})
