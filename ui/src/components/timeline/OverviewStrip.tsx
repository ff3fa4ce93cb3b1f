import { useRef } from "react"
import type { TimelineBands, TimelineCounts } from "../../api/models"
import { exactTime } from "../../lib/format"
import { type Colors, useColors } from "../charts/useColors"
import { useWidth } from "../charts/useWidth"
import { drawBands } from "./draw/bands"
import { drawCounts } from "./draw/calls"
import { FONT } from "./draw/layout"
import { ALL_GROUPS } from "./kinds"
import { localOffset, type Scale, scaleOf, tickLabel, tickStep, ticksOf } from "./scale"
import classes from "./timeline.module.css"
import { usePaint } from "./useCanvas"
import { spanOf, type View } from "./view"

const HEIGHT = 62
const CALLS = 30
const BAND = 10
const EDGE_PX = 8
const LEAST_PX = 6
const GROUPS = new Set(ALL_GROUPS)

interface Props {
  context: View
  view: View
  firstMs: number
  nowMs: number
  bands: TimelineBands["bands"]
  counts: TimelineCounts | null
  onShow: (view: View) => void
}

type Grip = { part: "from" | "to" | "all"; x: number; view: View }

/** All around the view, small; the brush on it moves and stretches the view. */
export function OverviewStrip(props: Props) {
  const { context, view, onShow } = props
  const colors = useColors()
  const { ref, width } = useWidth<HTMLCanvasElement>()
  const scale = scaleOf(context, Math.max(1, width))
  const grip = useRef<Grip | null>(null)
  const brush = brushOf(scale, view)
  usePaint(ref, width, HEIGHT, (ctx) => paint(ctx, props, scale, width, brush, colors))

  const xOf = (event: React.PointerEvent) =>
    event.clientX - event.currentTarget.getBoundingClientRect().left
  const down = (event: React.PointerEvent) => {
    event.currentTarget.setPointerCapture(event.pointerId)
    const x = xOf(event)
    if (Math.abs(x - brush.from) <= EDGE_PX && brush.to - brush.from > 2 * EDGE_PX) {
      grip.current = { part: "from", x, view }
    } else if (Math.abs(x - brush.to) <= EDGE_PX && brush.to - brush.from > 2 * EDGE_PX) {
      grip.current = { part: "to", x, view }
    } else {
      const half = spanOf(view) / 2
      const at = scale.at(x)
      const inside = x >= brush.from && x <= brush.to
      const from = inside ? view : { fromMs: at - half, toMs: at + half }
      if (!inside) onShow(from)
      grip.current = { part: "all", x, view: from }
    }
  }
  const move = (event: React.PointerEvent) => {
    const held = grip.current
    if (held === null) return
    const by = (xOf(event) - held.x) / scale.pxPerMs
    const fromMs = held.part === "to" ? held.view.fromMs : held.view.fromMs + by
    const toMs = held.part === "from" ? held.view.toMs : held.view.toMs + by
    if (toMs > fromMs) onShow({ fromMs, toMs })
  }
  const up = () => {
    grip.current = null
  }
  return (
    <div aria-hidden="true">
      <canvas
        ref={ref}
        className={classes.strip}
        style={{ height: HEIGHT }}
        title={`From ${exactTime(context.fromMs)} to ${exactTime(context.toMs)}`}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
      />
    </div>
  )
}

function brushOf(scale: Scale, view: View): { from: number; to: number } {
  const [from, to] = [scale.x(view.fromMs), scale.x(view.toMs)]
  const missing = Math.max(0, LEAST_PX - (to - from)) / 2
  return { from: from - missing, to: to + missing }
}

function paint(
  ctx: CanvasRenderingContext2D,
  { context, bands, counts, firstMs, nowMs }: Props,
  scale: Scale,
  width: number,
  brush: { from: number; to: number },
  colors: Colors,
): void {
  const lane = { left: 0, right: width, top: 2, height: CALLS }
  ctx.fillStyle = colors.surface2
  ctx.fillRect(0, 0, width, CALLS + BAND + 4)
  if (counts !== null) drawCounts(ctx, counts, scale, lane, GROUPS, colors, false)
  const band = { ...lane, top: CALLS + 4, height: BAND }
  drawBands(ctx, bands, scale, band, { firstMs, nowMs }, colors, false)
  ctx.font = FONT
  ctx.textBaseline = "middle"
  ctx.textAlign = "center"
  ctx.fillStyle = colors.dimmed
  const step = tickStep(context, width, 80)
  for (const at of ticksOf(context, step, localOffset(context.toMs))) {
    const x = scale.x(at)
    if (x > 20 && x < width - 20) ctx.fillText(tickLabel(at, step), x, HEIGHT - 8)
  }
  ctx.save()
  ctx.globalAlpha = 0.55
  ctx.fillStyle = colors.surface
  ctx.fillRect(0, 0, brush.from, CALLS + BAND + 4)
  ctx.fillRect(brush.to, 0, width - brush.to, CALLS + BAND + 4)
  ctx.restore()
  ctx.strokeStyle = colors.primary
  ctx.lineWidth = 1.5
  ctx.strokeRect(brush.from + 0.75, 0.75, brush.to - brush.from - 1.5, CALLS + BAND + 2.5)
  ctx.fillStyle = colors.primary
  for (const x of [brush.from, brush.to]) ctx.fillRect(x - 2, 12, 4, 18)
}
