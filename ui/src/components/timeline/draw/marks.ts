import type { TimelineItem } from "../../../api/models"
import type { Colors } from "../../charts/useColors"
import { chiefOf, type Mark, markKind, rowOf } from "../marks"
import type { Lane } from "./bands"
import { BOLD } from "./layout"

const RADIUS = 10

/** The marks of changes; where several stand together, their number. */
export function drawMarks(
  ctx: CanvasRenderingContext2D,
  marks: readonly Mark[],
  selected: string | null,
  hovered: Mark | null,
  lane: Lane,
  colors: Colors,
): void {
  ctx.save()
  ctx.beginPath()
  ctx.rect(lane.left - RADIUS, 0, lane.right - lane.left + 2 * RADIUS, lane.top + lane.height)
  ctx.clip()
  for (const mark of marks) {
    const y = lane.top + (lane.height * (rowOf(mark.kind) * 2 + 1)) / 4
    const isSelected = mark.items.some((item) => item.id === selected)
    one(ctx, mark, y, isSelected, mark === hovered, colors)
  }
  ctx.restore()
}

function one(
  ctx: CanvasRenderingContext2D,
  mark: Mark,
  y: number,
  isSelected: boolean,
  isHovered: boolean,
  colors: Colors,
): void {
  const item = chiefOf(mark)
  if (item === undefined) return
  const kind = markKind(item)
  const color = colorOf(item, colors)
  const radius = RADIUS + (isHovered || isSelected ? 1 : 0)
  ctx.beginPath()
  if (kind === "transition" || kind === "shadow") {
    ctx.arc(mark.x, y, radius - 0.5, 0, 2 * Math.PI)
  } else if (kind === "override") {
    ctx.rect(mark.x - radius + 1, y - radius + 1, 2 * radius - 2, 2 * radius - 2)
  } else {
    ctx.moveTo(mark.x, y - radius - 2)
    ctx.lineTo(mark.x + radius + 2, y)
    ctx.lineTo(mark.x, y + radius + 2)
    ctx.lineTo(mark.x - radius - 2, y)
    ctx.closePath()
  }
  // What would have been is hollow.
  ctx.fillStyle = kind === "shadow" ? colors.surface : color
  ctx.fill()
  ctx.lineWidth = 2
  const edge = kind === "shadow" ? color : colors.surface
  ctx.strokeStyle = isSelected || isHovered ? colors.text : edge
  ctx.stroke()
  ctx.font = BOLD
  ctx.textAlign = "center"
  ctx.textBaseline = "middle"
  ctx.fillStyle = kind === "shadow" ? color : colors.surface
  ctx.fillText(letterOf(mark, item), mark.x, y + 0.5)
}

function letterOf(mark: Mark, item: TimelineItem): string {
  if (mark.items.length > 1) return mark.items.length > 99 ? "+" : String(mark.items.length)
  if (item.kind === "transition" || item.kind === "shadow")
    return { open: "O", half_open: "H", closed: "C" }[item.to ?? "closed"]
  if (item.kind === "override") return "F"
  if (item.kind === "config" || item.kind === "shadow_set") return "S"
  return "!"
}

function colorOf(item: TimelineItem, colors: Colors): string {
  if (item.kind === "transition" || item.kind === "shadow")
    return colors[`${item.to ?? "closed"}Text`]
  return item.kind === "override" ? colors.text : colors.mark
}
