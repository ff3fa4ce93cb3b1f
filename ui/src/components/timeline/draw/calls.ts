import type { CountBucket, TimelineCounts, TimelineItem } from "../../../api/models"
import { count, duration } from "../../../lib/format"
import { callsOf, OUTCOMES, type Outcome } from "../../charts/outcomes"
import type { Colors } from "../../charts/useColors"
import type { Group } from "../kinds"
import { niceTop, type Scale } from "../scale"
import type { Lane } from "./bands"
import { FONT } from "./layout"

/** Parts of the stack that the chosen groups show. */
export function shownOutcomes(groups: ReadonlySet<Group>): Outcome[] {
  return OUTCOMES.filter(({ key }) => groups.has(key === "timeout" ? "failure" : key))
}

/** Counts of each bucket as a stack. */
export function drawCounts(
  ctx: CanvasRenderingContext2D,
  counts: TimelineCounts,
  scale: Scale,
  lane: Lane,
  groups: ReadonlySet<Group>,
  colors: Colors,
  withAxis = true,
): void {
  const outcomes = shownOutcomes(groups)
  const inside = counts.buckets.filter(
    (bucket) =>
      scale.x(bucket.from_ms + counts.bucket_ms) >= lane.left &&
      scale.x(bucket.from_ms) <= lane.right,
  )
  const most = Math.max(1, ...inside.map((bucket) => sumOf(bucket, outcomes)))
  const top = withAxis ? niceTop(most) : most
  if (withAxis) axis(ctx, lane, colors, [count(top), count(top / 2)], top % 2 === 0)
  ctx.save()
  ctx.beginPath()
  ctx.rect(lane.left, lane.top, lane.right - lane.left, lane.height)
  ctx.clip()
  for (const bucket of inside) {
    const left = scale.x(bucket.from_ms)
    const width = Math.max(1, scale.x(bucket.from_ms + counts.bucket_ms) - left)
    const gap = width > 4 ? 1 : 0
    let bottom = lane.top + lane.height
    for (const outcome of outcomes) {
      const value = outcome.of(bucket)
      if (value === 0) continue
      // One failure among a thousand successes is still to be seen.
      const height = Math.max(outcome.key === "success" ? 1 : 2, (value / top) * lane.height)
      bottom -= height
      ctx.fillStyle = colors[outcome.color]
      ctx.fillRect(left, bottom, width - gap, height)
    }
  }
  ctx.restore()
}

function sumOf(bucket: CountBucket, outcomes: readonly Outcome[]): number {
  return outcomes === OUTCOMES
    ? callsOf(bucket)
    : outcomes.reduce((sum, outcome) => sum + outcome.of(bucket), 0)
}

function axis(
  ctx: CanvasRenderingContext2D,
  lane: Lane,
  colors: Colors,
  labels: [string, string],
  half: boolean,
): void {
  ctx.font = FONT
  ctx.textAlign = "right"
  ctx.textBaseline = "middle"
  for (const [label, y] of [
    [labels[0], lane.top],
    [half ? labels[1] : "", lane.top + lane.height / 2],
    ["", lane.top + lane.height],
  ] as const) {
    ctx.fillStyle = colors.line
    ctx.fillRect(lane.left, Math.round(y), lane.right - lane.left, 1)
    ctx.fillStyle = colors.dimmed
    ctx.fillText(label, lane.left - 6, y + (y === lane.top ? 4 : 0))
  }
}

const GROUP_OF: Partial<Record<TimelineItem["kind"], Group>> = {
  success: "success",
  failure: "failure",
  timeout: "failure",
}

/** Every call as a mark of its own: the longer it took, the higher it stands. */
export function drawCalls(
  ctx: CanvasRenderingContext2D,
  items: readonly TimelineItem[],
  scale: Scale,
  lane: Lane,
  groups: ReadonlySet<Group>,
  colors: Colors,
): void {
  const inside = items.filter(
    (item) =>
      groups.has(GROUP_OF[item.kind] ?? "other") &&
      scale.x(item.at_ms) >= lane.left - 4 &&
      scale.x(item.at_ms) <= lane.right + 4,
  )
  const longest = niceTop(Math.max(10, ...inside.map((item) => item.duration_ms ?? 0)))
  axis(ctx, lane, colors, [duration(longest / 1_000), duration(longest / 2_000)], true)
  ctx.save()
  ctx.beginPath()
  ctx.rect(lane.left, lane.top - 5, lane.right - lane.left, lane.height + 5)
  ctx.clip()
  const room = lane.height - 8
  for (const item of inside) {
    const y = lane.top + lane.height - 5 - ((item.duration_ms ?? 0) / longest) * room
    mark(ctx, item.kind, scale.x(item.at_ms), y, colors)
  }
  ctx.restore()
}

/** A circle for a success, a cross for a failure, a square for a timeout, a ring for the rest. */
function mark(
  ctx: CanvasRenderingContext2D,
  kind: TimelineItem["kind"],
  x: number,
  y: number,
  colors: Colors,
): void {
  ctx.beginPath()
  ctx.lineWidth = 2
  if (kind === "success") {
    ctx.fillStyle = colors.closed
    ctx.arc(x, y, 3, 0, 2 * Math.PI)
    ctx.fill()
  } else if (kind === "failure") {
    ctx.strokeStyle = colors.failure
    ctx.moveTo(x - 3.5, y - 3.5)
    ctx.lineTo(x + 3.5, y + 3.5)
    ctx.moveTo(x + 3.5, y - 3.5)
    ctx.lineTo(x - 3.5, y + 3.5)
    ctx.stroke()
  } else if (kind === "timeout") {
    ctx.fillStyle = colors.timeout
    ctx.fillRect(x - 3.5, y - 3.5, 7, 7)
  } else {
    ctx.strokeStyle = kind === "probe" ? colors.half_open : colors.other
    ctx.arc(x, y, 3, 0, 2 * Math.PI)
    ctx.stroke()
  }
}
