import { useEffect, useRef } from "react"
import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import classes from "./charts.module.css"
import { useWidth } from "./useWidth"

interface Props {
  /** Everything but the size; keep it the same between draws, another one makes a new chart. */
  options: Omit<uPlot.Options, "width" | "height">
  data: uPlot.AlignedData
  height: number
  /** What the chart shows, with its figures, for those who do not see it. */
  label: string
}

/** A chart on canvas that takes the width there is. */
export function Chart({ options, data, height, label }: Props) {
  const { ref, width } = useWidth<HTMLDivElement>()
  const plot = useRef<uPlot | null>(null)
  const latest = useRef(data)
  latest.current = data
  const hasWidth = width > 0
  useEffect(() => {
    if (!hasWidth || ref.current === null) return
    const size = { width: ref.current.clientWidth, height }
    const made = new uPlot({ ...options, ...size }, latest.current, ref.current)
    plot.current = made
    return () => {
      plot.current = null
      made.destroy()
    }
  }, [options, height, hasWidth, ref])
  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height })
  }, [width, height])
  useEffect(() => {
    plot.current?.setData(data)
  }, [data])
  return <div ref={ref} className={classes.plot} style={{ height }} role="img" aria-label={label} />
}
