import { useMemo, useState } from "react"
import uPlot from "uplot"
import type { TimelineCounts } from "../../api/models"
import { count, exactTime, perSecond } from "../../lib/format"
import { axesOf, fromZero } from "./axes"
import { Chart } from "./Chart"
import { Legend } from "./Legend"
import { OUTCOMES } from "./outcomes"
import { filled, stackedRates, totals } from "./series"
import { useColors } from "./useColors"

interface Props {
  counts: TimelineCounts
}

const TOPMOST_FIRST = OUTCOMES.toReversed()

/** Calls a second, stacked by how they ended. */
export function ThroughputChart({ counts }: Props) {
  const colors = useColors()
  const [index, setIndex] = useState<number | null>(null)
  const options = useMemo(
    () => ({
      cursor: { y: false, points: { show: false } },
      legend: { show: false },
      scales: { x: { time: true }, y: { range: fromZero } },
      axes: axesOf(colors, tick),
      series: [
        {},
        // Each part is drawn over the one above it, so that what shows of it is its own share.
        ...TOPMOST_FIRST.map(({ label, color }) => ({
          label,
          stroke: colors[color],
          fill: colors[color],
          width: 0,
          points: { show: false },
          ...bars(),
        })),
      ],
      hooks: { setCursor: [(plot: uPlot) => setIndex(plot.cursor.idx ?? null)] },
    }),
    [colors],
  )
  const data = useMemo(() => stackedRates(counts) as uPlot.AlignedData, [counts])
  const { times, buckets } = useMemo(() => filled(counts), [counts])
  const sums = useMemo(() => totals(counts), [counts])
  const at = index === null ? undefined : times[index]
  const bucket = index === null ? null : (buckets[index] ?? null)
  return (
    <>
      <Legend
        note={at === undefined ? "calls of the range" : `from ${exactTime(at)}`}
        items={OUTCOMES.map(({ key, label, color, of }) => ({
          label,
          color: colors[color],
          value: count(
            at === undefined
              ? (sums.find((one) => one.key === key)?.calls ?? 0)
              : bucket === null
                ? 0
                : of(bucket),
          ),
        }))}
      />
      <Chart
        options={options}
        data={data}
        height={190}
        label={`Calls a second. In all: ${sums.map(({ label, calls }) => `${label} ${calls}`).join(", ")}`}
      />
    </>
  )
}

function bars(): Partial<uPlot.Series> {
  const paths = uPlot.paths.bars?.({ size: [0.9, 40], align: 1, gap: 0 })
  return paths === undefined ? {} : { paths }
}

// Whole numbers of an axis stand without decimals, whatever their neighbours have.
function tick(value: number): string {
  return Number.isInteger(value) ? count(value) : perSecond(value)
}
