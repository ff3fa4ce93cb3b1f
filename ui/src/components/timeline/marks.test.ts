import { describe, expect, it } from "vitest"
import type { TimelineItem } from "../../api/models"
import { chiefOf, markAt, marksOf } from "./marks"

const item = (id: string, at_ms: number, rest: Partial<TimelineItem> = {}): TimelineItem => ({
  id,
  at: null,
  at_ms,
  kind: "transition",
  ...rest,
})
const x = (atMs: number) => atMs

describe("marks", () => {
  it("that would overlap are one, in the middle of what it stands for", () => {
    const marks = marksOf([item("a", 0), item("b", 10), item("c", 30)], x, 20)
    expect(marks.map((mark) => mark.items.map(({ id }) => id))).toEqual([["a", "b"], ["c"]])
    expect(marks[0]?.x).toBe(5)
  })

  it("of a long row of changes do not melt into one", () => {
    const many = Array.from({ length: 10 }, (_, index) => item(`i${index}`, index * 10))
    const middles = marksOf(many, x, 20).map((mark) => mark.x)
    expect(middles.length).toBeGreaterThan(3)
    const apart = middles.slice(1).map((at, index) => at - (middles[index] ?? 0))
    expect(Math.min(...apart)).toBeGreaterThanOrEqual(20)
  })

  it("of what people did stay apart from those of the circuit", () => {
    const marks = marksOf(
      [item("a", 0), item("b", 1, { kind: "override" }), item("c", 2, { kind: "config" })],
      x,
      20,
    )
    expect(marks.map((mark) => mark.items.map(({ id }) => id))).toEqual([["a"], ["b", "c"]])
    const would = item("d", 3, { kind: "shadow", to: "open" })
    const beside = marksOf([item("a", 0, { to: "closed" }), would], x, 20)
    expect(beside.map((mark) => mark.items.length)).toEqual([1, 1])
    const [, people] = marks
    expect(people && chiefOf(people)?.id).toBe("b")
  })

  it("are found near the pointer, the nearest first", () => {
    const marks = marksOf([item("a", 0), item("b", 30)], x, 20)
    expect(markAt(marks, 18, 15)?.items[0]?.id).toBe("b")
    expect(markAt(marks, 15.5, 10)).toBeNull()
  })

  it("that hold an opening open that one", () => {
    const [mark] = marksOf(
      [
        item("h", 0, { to: "half_open" }),
        item("o", 1, { to: "open" }),
        item("c", 2, { to: "closed" }),
      ],
      x,
      20,
    )
    expect(mark && chiefOf(mark)?.id).toBe("o")
  })
})
