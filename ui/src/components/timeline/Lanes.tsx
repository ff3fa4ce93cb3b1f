import { useEffect, useMemo } from "react"
import type { TimelineBands, TimelineCounts, TimelineItem } from "../../api/models"
import { exactTime } from "../../lib/format"
import { useColors } from "../charts/useColors"
import { useWidth } from "../charts/useWidth"
import { drawLanes } from "./draw/lanes"
import { LANES } from "./draw/layout"
import type { Group } from "./kinds"
import { type Mark, markAt, marksOf, rowOf } from "./marks"
import { scaleOf } from "./scale"
import classes from "./timeline.module.css"
import { usePaint } from "./useCanvas"
import { usePointer } from "./usePointer"
import type { View } from "./view"
import { detailOf, titleOf } from "./words"

const MARK_GAP_PX = 22
const REACH_PX = 11

const LEFT = LANES.gutter

interface Props {
  view: View
  firstMs: number
  nowMs: number
  bands: TimelineBands["bands"]
  counts: TimelineCounts | null
  calls: readonly TimelineItem[] | null
  changes: readonly TimelineItem[]
  groups: ReadonlySet<Group>
  selectedId: string | null
  selectedMs: number | null
  pinnedMs: number | null
  onZoom: (factor: number, aroundMs: number) => void
  onShow: (view: View) => void
  onPickMark: (mark: Mark) => void
  onPickInstant: (atMs: number) => void
  /** The instant under the pointer; null when it is elsewhere. */
  onPoint: (atMs: number | null) => void
}

/** The three lanes on one axis of time. */
export function Lanes(props: Props) {
  const { view, changes, nowMs, pinnedMs, onPoint, onPickMark, onPickInstant } = props
  const colors = useColors()
  const { ref, width } = useWidth<HTMLCanvasElement>()
  const scale = useMemo(
    () => scaleOf(view, Math.max(1, width - LEFT - LANES.right), LEFT),
    [view, width],
  )
  const marks = useMemo(() => {
    const shown = changes.filter((one) => one.at_ms >= view.fromMs && one.at_ms <= view.toMs)
    return marksOf(shown, scale.x, MARK_GAP_PX)
  }, [changes, view, scale])
  const markNear = (x: number, y: number) => {
    const { top, height } = LANES.marks
    if (y > top + height) return null
    const row = y < top + height / 2 ? 0 : 1
    const inRow = marks.filter((mark) => rowOf(mark.kind) === row)
    return markAt(inRow, x, REACH_PX)
  }
  const { hover, brush, handlers } = usePointer(ref, scale, view, {
    zoom: props.onZoom,
    show: props.onShow,
    pick: (x, y) => {
      const mark = markNear(x, y)
      if (mark !== null) onPickMark(mark)
      else if (x >= LEFT) onPickInstant(Math.min(nowMs, Math.round(scale.at(x))))
    },
  })
  const hovered = hover === null ? null : markNear(hover.x, hover.y)
  const hoverMs = hover === null || hover.x < LEFT ? null : hover.atMs
  useEffect(() => onPoint(hoverMs === null || hoverMs > nowMs ? null : hoverMs))
  const cursorMs = pinnedMs ?? hoverMs
  usePaint(ref, width, LANES.height, (ctx) =>
    drawLanes(ctx, {
      ...props,
      width,
      scale,
      marks,
      hovered,
      cursorMs,
      pinned: pinnedMs !== null,
      brush,
      colors,
    }),
  )
  return (
    <div aria-hidden="true">
      <canvas
        ref={ref}
        className={classes.lanes}
        style={{ height: LANES.height, cursor: hovered === null ? "crosshair" : "pointer" }}
        {...handlers}
      />
      {hovered !== null && <MarkTip mark={hovered} width={width} />}
      {hovered === null && hoverMs !== null && (
        <div
          className={classes.stamp}
          style={{ left: Math.min(width - 150, Math.max(LEFT, scale.x(hoverMs) - 70)) }}
        >
          {exactTime(hoverMs)}
        </div>
      )}
    </div>
  )
}

const TIP_ITEMS = 4
const TIP_PX = 300

function MarkTip({ mark, width }: { mark: Mark; width: number }) {
  const left = Math.max(0, Math.min(width - TIP_PX, mark.x - TIP_PX / 2))
  return (
    <div className={classes.tip} style={{ left, maxWidth: TIP_PX }}>
      {mark.items.slice(-TIP_ITEMS).map((item) => (
        <div key={item.id}>
          <strong>{titleOf(item)}</strong> <span className="fl-num">{exactTime(item.at_ms)}</span>
          <div>{detailOf(item)}</div>
        </div>
      ))}
      {mark.items.length > TIP_ITEMS && <div>and {mark.items.length - TIP_ITEMS} before</div>}
    </div>
  )
}
