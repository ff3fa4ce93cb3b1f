import type { TimelineItem } from "../../api/models"

/** Kinds of marks above the band. */
export type MarkKind = "transition" | "override" | "config" | "shadow" | "other"

/** Changes of the circuit that stand so close together that they are one mark. */
export interface Mark {
  /** Middle of the mark, in px. */
  x: number
  kind: MarkKind
  items: TimelineItem[]
}

export function markKind(item: TimelineItem): MarkKind {
  switch (item.kind) {
    case "transition":
    case "override":
    case "config":
    case "shadow":
      return item.kind
    case "shadow_set":
      return "config"
    default:
      return "other"
  }
}

/** What people did, and what a shadow would have done, stands above what the circuit did itself. */
export function rowOf(kind: MarkKind): 0 | 1 {
  return kind === "transition" ? 1 : 0
}

/**
 * What stands within `gapPx` of the middle of those before it in its row is one mark with them: so
 * the middles of two marks are never nearer than that. Items are in order of time.
 */
export function marksOf(
  items: readonly TimelineItem[],
  x: (atMs: number) => number,
  gapPx: number,
): Mark[] {
  const marks: Mark[] = []
  const open = new Map<0 | 1, { mark: Mark; firstX: number }>()
  for (const item of items) {
    const kind = markKind(item)
    const at = x(item.at_ms)
    const last = open.get(rowOf(kind))
    if (last !== undefined && at - last.mark.x < gapPx) {
      last.mark.items.push(item)
      last.mark.x = (last.firstX + at) / 2
      continue
    }
    const mark: Mark = { x: at, kind, items: [item] }
    open.set(rowOf(kind), { mark, firstX: at })
    marks.push(mark)
  }
  return marks
}

/** The mark nearest to `x` within `reachPx`; null if none is. */
export function markAt(marks: readonly Mark[], x: number, reachPx: number): Mark | null {
  let best: Mark | null = null
  for (const mark of marks) {
    const away = Math.abs(mark.x - x)
    if (away <= reachPx && (best === null || away < Math.abs(best.x - x))) best = mark
  }
  return best
}

/** Whether one can ask why it happened. */
export function isExplained(item: TimelineItem): boolean {
  return item.kind === "transition" || item.kind === "override"
}

/** The item that a mark shows and opens: what opened the circuit, else the last explained one. */
export function chiefOf(mark: Mark): TimelineItem | undefined {
  return (
    mark.items.findLast((item) => item.kind === "transition" && item.to === "open") ??
    mark.items.findLast(isExplained) ??
    mark.items.at(-1)
  )
}
