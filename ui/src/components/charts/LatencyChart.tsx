import { useMemo, useState } from "react"
import type uPlot from "uplot"
import type { TimelineCounts } from "../../api/models"
import { duration, exactTime } from "../../lib/format"
import { axesOf, fromZero } from "./axes"
import { Chart } from "./Chart"
import { Legend } from "./Legend"
import { latencies } from "./series"
import { type Colors, useColors } from "./useColors"

interface Props {
  counts: TimelineCounts
}

const LINES: readonly { label: string; color: keyof Colors; dash: number[] }[] = [
  { label: "p50", color: "closed", dash: [] },
  { label: "p95", color: "half_open", dash: [6, 3] },
  { label: "p99", color: "timeout", dash: [2, 3] },
]

/** How long finished calls took. */
export function LatencyChart({ counts }: Props) {
  const colors = useColors()
  const [index, setIndex] = useState<number | null>(null)
  const options = useMemo(
    () => ({
      cursor: { y: false },
      legend: { show: false },
      scales: { x: { time: true }, y: { range: fromZero } },
      axes: axesOf(colors, (ms) => (ms === 0 ? "0" : duration(ms / 1_000))),
      series: [
        {},
        ...LINES.map(({ label, color, dash }) => ({
          label,
          stroke: colors[color],
          width: 1.8,
          dash,
          spanGaps: false,
          points: { show: (plot: uPlot) => (plot.data[0]?.length ?? 0) < 40, size: 4 },
        })),
      ],
      hooks: { setCursor: [(plot: uPlot) => setIndex(plot.cursor.idx ?? null)] },
    }),
    [colors],
  )
  const data = useMemo(() => latencies(counts), [counts])
  const shown = index ?? lastKnown(data[1])
  const at = shown === null ? undefined : data[0][shown]
  return (
    <>
      <Legend
        note={at === undefined ? "no finished calls" : `from ${exactTime(at * 1_000)}`}
        items={LINES.map(({ label, color, dash }, line) => {
          const value = shown === null ? null : data[line + 1]?.[shown]
          return {
            label,
            color: colors[color],
            dash: dash.length > 0,
            value: typeof value === "number" ? duration(value / 1_000) : "–",
          }
        })}
      />
      <Chart
        options={options}
        data={data}
        height={190}
        label="How long calls took: half, 95 and 99 of 100 took no longer than p50, p95 and p99"
      />
    </>
  )
}

function lastKnown(column: (number | null)[]): number | null {
  const found = column.findLastIndex((value) => value !== null)
  return found < 0 ? null : found
}
