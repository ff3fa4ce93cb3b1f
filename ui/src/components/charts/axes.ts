import type uPlot from "uplot"
import { localOffset, tickLabel, tickStep, ticksOf } from "../timeline/scale"
import type { Colors } from "./useColors"

const FONT = '11px system-ui, "Segoe UI", Roboto, sans-serif'
const X_GAP_PX = 72

/** Both axes of a chart over time; `words` says a value of the y axis. */
export function axesOf(colors: Colors, words: (value: number) => string): uPlot.Axis[] {
  const shared = {
    stroke: colors.dimmed,
    font: FONT,
    ticks: { show: false },
    border: { show: false },
  }
  let step = 1_000
  return [
    {
      ...shared,
      size: 28,
      gap: 7,
      grid: { show: false },
      splits: (plot, _axis, min, max) => {
        const view = { fromMs: min * 1_000, toMs: max * 1_000 }
        step = tickStep(view, plot.width, X_GAP_PX)
        return ticksOf(view, step, localOffset(view.toMs)).map((at) => at / 1_000)
      },
      values: (_plot, splits) => splits.map((at) => tickLabel(at * 1_000, step)),
    },
    {
      ...shared,
      size: 52,
      gap: 6,
      space: 34,
      grid: { stroke: colors.line, width: 1 },
      values: (_plot, splits) => splits.map((value) => (value === null ? "" : words(value))),
    },
  ]
}

/** The range of the y axis: from 0, with room above, never without height. */
export function fromZero(_plot: uPlot, _min: number | null, max: number | null): [number, number] {
  return [0, max === null || max <= 0 ? 1 : max * 1.08]
}
