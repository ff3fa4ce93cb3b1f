import type { TimelineBands } from "../../../api/models"
import { LOOKS, type Shown } from "../../../lib/shown"
import type { Colors } from "../../charts/useColors"
import type { Scale } from "../scale"
import { BOLD } from "./layout"

type Band = TimelineBands["bands"][number]

/** Where a lane stands. */
export interface Lane {
  left: number
  right: number
  top: number
  height: number
}

const LETTERS: Record<Shown, string> = {
  open: "O",
  half_open: "H",
  closed: "C",
  forced_open: "FO",
  forced_closed: "FC",
  disabled: "D",
  unreadable: "?",
}
// Worse states are drawn later, so that a short one shows over the long ones beside it.
const ORDER = { closed: 0, half_open: 1, open: 2 } as const

/** What a band is shown as. */
export function bandShown(band: Pick<Band, "state" | "mode">): Shown {
  return band.mode === "auto" ? band.state : band.mode
}

/** The band of states: colour, pattern, and a word or letter where there is room. */
export function drawBands(
  ctx: CanvasRenderingContext2D,
  bands: readonly Band[],
  scale: Scale,
  lane: Lane,
  clip: { firstMs: number; nowMs: number },
  colors: Colors,
  withWords = true,
): void {
  ctx.save()
  ctx.beginPath()
  ctx.rect(lane.left, lane.top, lane.right - lane.left, lane.height)
  ctx.clip()
  const sorted = bands.toSorted((one, other) => rank(one) - rank(other))
  for (const band of sorted) {
    const from = scale.x(Math.max(band.from_ms, clip.firstMs))
    const to = scale.x(Math.min(band.to_ms, clip.nowMs))
    if (to < lane.left || from > lane.right || to < from) continue
    const left = Math.max(from, lane.left - 1)
    const width = Math.max(1.5, Math.min(to, lane.right + 1) - left)
    one(ctx, bandShown(band), { ...lane, left, right: left + width }, colors, withWords)
  }
  ctx.restore()
}

function rank(band: Band): number {
  return ORDER[band.state] + (band.mode === "auto" ? 0 : 3)
}

function one(
  ctx: CanvasRenderingContext2D,
  shown: Shown,
  lane: Lane,
  colors: Colors,
  withWords: boolean,
): void {
  const { tone, locked, word } = LOOKS[shown]
  const width = lane.right - lane.left
  const narrow = width < 5
  ctx.fillStyle = narrow && tone !== "closed" ? colors[tone] : colors[`${tone}Soft`]
  ctx.fillRect(lane.left, lane.top, width, lane.height)
  if (!narrow) pattern(ctx, tone, lane, colors[tone])
  ctx.fillStyle = colors[tone]
  ctx.fillRect(lane.left, lane.top + lane.height - 4, width, 4)
  if (locked) ctx.fillRect(lane.left, lane.top, width, 4)
  if (!narrow) ctx.fillRect(lane.left, lane.top, 1, lane.height)
  if (!withWords) return
  ctx.font = BOLD
  ctx.textBaseline = "middle"
  ctx.textAlign = "center"
  for (const text of [word, LETTERS[shown]]) {
    const needed = ctx.measureText(text).width + 8
    if (needed > width) continue
    const middle = lane.left + width / 2
    ctx.fillStyle = colors[`${tone}Soft`]
    ctx.fillRect(middle - needed / 2 + 1, lane.top + 8, needed - 2, lane.height - 17)
    ctx.fillStyle = colors[`${tone}Text`]
    ctx.fillText(text, middle, lane.top + lane.height / 2 - 0.5)
    return
  }
}

/** Stripes for open, dots for half-open, nothing for closed: told apart without colour. */
function pattern(ctx: CanvasRenderingContext2D, tone: string, lane: Lane, color: string): void {
  if (tone === "closed" || tone === "off") return
  ctx.save()
  ctx.beginPath()
  ctx.rect(lane.left, lane.top, lane.right - lane.left, lane.height)
  ctx.clip()
  ctx.globalAlpha = 0.55
  if (tone === "open") {
    ctx.strokeStyle = color
    ctx.lineWidth = 2
    ctx.beginPath()
    // From a fixed grid, so that the stripes stand still while the band grows.
    const first = Math.floor((lane.left - lane.height) / 8) * 8
    for (let x = first; x < lane.right; x += 8) {
      ctx.moveTo(x, lane.top + lane.height)
      ctx.lineTo(x + lane.height, lane.top)
    }
    ctx.stroke()
  } else {
    ctx.fillStyle = color
    const first = Math.floor(lane.left / 7) * 7
    for (let x = first; x < lane.right; x += 7) {
      for (let y = lane.top + 4; y < lane.top + lane.height; y += 7) ctx.fillRect(x, y, 2, 2)
    }
  }
  ctx.restore()
}
