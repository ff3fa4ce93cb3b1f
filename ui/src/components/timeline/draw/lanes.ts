import type { TimelineBands, TimelineCounts, TimelineItem } from "../../../api/models"
import type { Colors } from "../../charts/useColors"
import type { Group } from "../kinds"
import type { Mark } from "../marks"
import { localOffset, type Scale, tickLabel, tickStep, ticksOf } from "../scale"
import type { View } from "../view"
import { drawBands, type Lane } from "./bands"
import { drawCalls, drawCounts } from "./calls"
import { BOLD, FONT, LANES } from "./layout"
import { drawMarks } from "./marks"

/** All that the lanes show. */
export interface Scene {
  width: number
  view: View
  scale: Scale
  firstMs: number
  nowMs: number
  bands: TimelineBands["bands"]
  counts: TimelineCounts | null
  /** Every call, where there are few enough; else null. */
  calls: readonly TimelineItem[] | null
  marks: readonly Mark[]
  groups: ReadonlySet<Group>
  selectedId: string | null
  selectedMs: number | null
  hovered: Mark | null
  cursorMs: number | null
  pinned: boolean
  /** A range that is being drawn with the pointer. */
  brush: { fromX: number; toX: number } | null
  colors: Colors
}

const TICK_GAP_PX = 76

/** Draws everything; the canvas has been cleared and scaled to px. */
export function drawLanes(ctx: CanvasRenderingContext2D, scene: Scene): void {
  const { width, view, scale, colors } = scene
  const lane = (of: { top: number; height: number }): Lane => ({
    left: LANES.gutter,
    right: width - LANES.right,
    top: of.top,
    height: of.height,
  })
  const inside = lane(LANES.calls)
  names(ctx, colors)
  ticks(ctx, view, scale, inside, colors)
  ctx.fillStyle = colors.surface2
  ctx.fillRect(inside.left, LANES.band.top, inside.right - inside.left, LANES.band.height)
  drawBands(ctx, scene.bands, scale, lane(LANES.band), scene, colors)
  if (scene.calls !== null) drawCalls(ctx, scene.calls, scale, inside, scene.groups, colors)
  else if (scene.counts !== null) {
    drawCounts(ctx, scene.counts, scale, inside, scene.groups, colors)
  }
  blanks(ctx, scene, inside)
  if (scene.selectedMs !== null) {
    line(ctx, scale.x(scene.selectedMs), inside, colors.text, [])
  }
  drawMarks(ctx, scene.marks, scene.selectedId, scene.hovered, lane(LANES.marks), colors)
  if (scene.cursorMs !== null) {
    line(ctx, scale.x(scene.cursorMs), inside, colors.primary, scene.pinned ? [] : [4, 3])
  }
  if (scene.brush !== null) {
    const { fromX, toX } = scene.brush
    ctx.save()
    ctx.globalAlpha = 0.18
    ctx.fillStyle = colors.primary
    ctx.fillRect(Math.min(fromX, toX), 0, Math.abs(toX - fromX), LANES.axis.top)
    ctx.restore()
  }
}

function names(ctx: CanvasRenderingContext2D, colors: Colors): void {
  ctx.font = FONT
  ctx.textAlign = "left"
  ctx.textBaseline = "middle"
  ctx.fillStyle = colors.dimmed
  ctx.fillText("Marks", 0, LANES.marks.top + LANES.marks.height / 2)
  ctx.fillText("State", 0, LANES.band.top + LANES.band.height / 2)
  ctx.fillText("Calls", 0, LANES.calls.top + LANES.calls.height - 6)
}

function ticks(
  ctx: CanvasRenderingContext2D,
  view: View,
  scale: Scale,
  lane: Lane,
  colors: Colors,
): void {
  const step = tickStep(view, lane.right - lane.left, TICK_GAP_PX)
  ctx.font = FONT
  ctx.textBaseline = "middle"
  ctx.textAlign = "center"
  for (const at of ticksOf(view, step, localOffset(view.toMs))) {
    const x = Math.round(scale.x(at))
    ctx.fillStyle = colors.line
    ctx.fillRect(x, LANES.marks.top, 1, LANES.axis.top - LANES.marks.top)
    const label = tickLabel(at, step)
    const half = ctx.measureText(label).width / 2
    if (x - half < 0 || x + half > lane.right + LANES.right) continue
    ctx.fillStyle = colors.dimmed
    ctx.fillText(label, x, LANES.axis.top + LANES.axis.height / 2)
  }
}

/** What is not yet, and what was before anything was known, is grey. */
function blanks(ctx: CanvasRenderingContext2D, scene: Scene, lane: Lane): void {
  const { scale, colors } = scene
  const pieces: [number, number, string][] = [
    [lane.left, Math.min(lane.right, scale.x(scene.firstMs)), "nothing known"],
    [Math.max(lane.left, scale.x(scene.nowMs)), lane.right, "not yet"],
  ]
  for (const [from, to, words] of pieces) {
    if (to - from < 1) continue
    ctx.fillStyle = colors.surface2
    ctx.fillRect(from, lane.top, to - from, lane.height)
    ctx.font = BOLD
    ctx.textAlign = "center"
    ctx.textBaseline = "middle"
    ctx.fillStyle = colors.dimmed
    if (to - from > ctx.measureText(words).width + 12) {
      ctx.fillText(words, (from + to) / 2, lane.top + lane.height / 2)
    }
  }
}

function line(
  ctx: CanvasRenderingContext2D,
  x: number,
  lane: Lane,
  color: string,
  dash: number[],
): void {
  if (x < lane.left || x > lane.right) return
  ctx.save()
  ctx.beginPath()
  ctx.setLineDash(dash)
  ctx.strokeStyle = color
  ctx.lineWidth = 1.5
  ctx.moveTo(x, LANES.marks.top + LANES.marks.height)
  ctx.lineTo(x, LANES.axis.top)
  ctx.stroke()
  ctx.restore()
}
