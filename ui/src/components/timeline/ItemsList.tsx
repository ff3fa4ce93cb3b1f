import { SegmentedControl, Text, Title } from "@mantine/core"
import { useMediaQuery } from "@mantine/hooks"
import { useVirtualizer } from "@tanstack/react-virtual"
import { useEffect, useMemo, useRef } from "react"
import type { TimelineItem } from "../../api/models"
import { count, exactBoth } from "../../lib/format"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { StateIcon } from "../state/StateBadge"
import { clockWithMs } from "./Evidence"
import { type Group, keyOf, kindsOf } from "./kinds"
import { isExplained } from "./marks"
import { useItems } from "./queries"
import classes from "./timeline.module.css"
import type { View } from "./view"
import { detailOf, titleOf, tookWords } from "./words"

// As tall as the style has them; a row whose text needs more is measured.
const ROW_REM = 2.75
// Two lines of detail below the rest.
const ROW_NARROW_REM = 3.875

interface Props {
  agent: string
  /** What is asked for; the list shows what of it is in `view`. */
  range: View
  view: View
  groups: readonly Group[]
  withCalls: boolean
  onWithCalls: (withCalls: boolean) => void
  selected: string | null
  onSelect: (item: TimelineItem) => void
}

/** The same as the lanes, as a list: the newest first. */
export function ItemsList(props: Props) {
  const { agent, range, view, groups, withCalls, selected, onSelect } = props
  const kinds = kindsOf(groups, withCalls)
  const found = useItems(agent, range, kinds)
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = found
  const items = useMemo(() => {
    const all = (data?.pages ?? []).flatMap((page) => page.items.toReversed())
    return all.filter((item) => item.at_ms >= view.fromMs && item.at_ms <= view.toMs)
  }, [data, view])
  const box = useRef<HTMLElement>(null)
  const rem = useMediaQuery("(max-width: 40rem)") ? ROW_NARROW_REM : ROW_REM
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => box.current,
    estimateSize: () => rem * remPx(),
    getItemKey: (index) => {
      const item = items[index]
      return item === undefined ? index : keyOf(item)
    },
    overscan: 8,
  })
  const shown = rows.getVirtualItems()
  const last = shown.at(-1)?.index ?? -1
  const wantsMore = hasNextPage && !isFetchingNextPage && last >= items.length - 10
  const oldestMs = data?.pages.at(-1)?.scanned_to_ms ?? Number.POSITIVE_INFINITY
  useEffect(() => {
    if (wantsMore && oldestMs > view.fromMs) void fetchNextPage()
  }, [wantsMore, oldestMs, view.fromMs, fetchNextPage])
  return (
    <div className={classes.panel}>
      <div className={classes.listHead}>
        <Title order={2}>What happened</Title>
        <SegmentedControl
          size="xs"
          aria-label="What the list shows"
          value={withCalls ? "all" : "changes"}
          onChange={(value) => props.onWithCalls(value === "all")}
          data={[
            { value: "changes", label: "Changes" },
            { value: "all", label: "With calls" },
          ]}
        />
      </div>
      <section
        ref={box}
        className={classes.list}
        aria-label="What happened, the newest first"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
        tabIndex={0}
      >
        {error !== null && data === undefined ? (
          <ErrorPanel error={error} title="The timeline could not be read" retry={refetch} />
        ) : data === undefined && kinds.length > 0 ? (
          <RowSkeletons rows={8} height={38} />
        ) : items.length === 0 ? (
          <Text c="dimmed" size="sm" p="sm">
            Nothing of what is chosen happened in this range.
          </Text>
        ) : (
          <ol className={classes.rows} style={{ height: rows.getTotalSize() }}>
            {shown.map((row) => {
              const item = items[row.index]
              if (item === undefined) return null
              return (
                <li
                  key={row.key}
                  ref={rows.measureElement}
                  data-index={row.index}
                  style={{ transform: `translateY(${row.start}px)` }}
                  aria-setsize={hasNextPage ? -1 : items.length}
                  aria-posinset={row.index + 1}
                >
                  <Row
                    item={item}
                    isSelected={isExplained(item) && item.id === selected}
                    onSelect={onSelect}
                  />
                </li>
              )
            })}
          </ol>
        )}
      </section>
      <Text size="xs" c="dimmed" mt={6} className="fl-num">
        {items.length === 0
          ? ""
          : `${count(items.length)} in this range${hasNextPage && oldestMs > view.fromMs ? " so far" : ""}`}
      </Text>
    </div>
  )
}

/** Pixels of 1 rem: more for those who read a larger font. */
function remPx(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16
}

interface RowProps {
  item: TimelineItem
  isSelected: boolean
  onSelect: (item: TimelineItem) => void
}

function Row({ item, isSelected, onSelect }: RowProps) {
  const extra = [
    item.duration_ms === undefined ? "" : tookWords(item.duration_ms),
    item.worker ?? "",
  ].filter((one) => one !== "")
  const content = (
    <>
      <span className={`${classes.when} fl-num`} title={exactBoth(item.at_ms)}>
        {clockWithMs(item.at_ms)}
      </span>
      <span className={classes.what} data-kind={item.kind}>
        {item.to !== undefined && <StateIcon shown={item.to} size={14} />}
        {titleOf(item)}
      </span>
      <span className={classes.detail}>
        {detailOf(item)}
        {extra.map((one, index) => (
          <span key={one} className={classes.together}>
            {(index > 0 || detailOf(item) !== "") && " · "}
            {one}
          </span>
        ))}
      </span>
    </>
  )
  return isExplained(item) ? (
    <button
      type="button"
      className={classes.row}
      aria-pressed={isSelected}
      onClick={() => onSelect(item)}
    >
      {content}
    </button>
  ) : (
    <div className={classes.row}>{content}</div>
  )
}
