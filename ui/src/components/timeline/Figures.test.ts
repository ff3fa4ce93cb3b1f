import { describe, expect, it } from "vitest"
import { figureRows } from "./Figures"

describe("the figures of a transition", () => {
  it("stand beside their thresholds", () => {
    const rows = figureRows(
      { calls: 30, failures: 12, slow: 0, consecutive_failures: 3, troubled_workers: 2 },
      {
        failure_threshold: null,
        failure_rate_threshold: 0.4,
        minimum_calls: 10,
        minimum_workers: 1,
      },
    )
    const plain = rows.map(({ rule, figure, threshold }) => [rule, figure, threshold].join(" "))
    expect(plain.map((text) => text.replaceAll("\u00a0", " "))).toEqual([
      "consecutive_failures 3 off",
      "failure_rate 40 % 40 %",
      "Calls in the window 30 10",
      "Workers with failures 2 1",
    ])
  })
})
