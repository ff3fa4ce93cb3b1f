import { useMediaQuery } from "@mantine/hooks"
import { useNavigate } from "@tanstack/react-router"
import { useWindowVirtualizer } from "@tanstack/react-virtual"
import { type MouseEvent, useCallback, useLayoutEffect, useRef, useState } from "react"
import { useMay } from "../../api/queries"
import { CircuitRow } from "./CircuitRow"
import classes from "./circuits.module.css"
import { GroupRow } from "./GroupRow"
import type { Line, Tags } from "./groups"

const ROW = 40
const ROW_NARROW = 60

const COLUMNS = [
  ["state", "State"],
  ["name", "Agent"],
  ["rate", "Failure rate"],
  ["streak", "In a row"],
  ["calls", "Calls/s"],
  ["spark", "Window"],
  ["changed", "Changed"],
  ["actions", ""],
] as const

interface Props {
  lines: readonly Line[]
  tags: Tags
  /** Folds a group, or unfolds it. */
  onFold: (key: string) => void
}

const NONE: readonly string[] = []

// Rows of a virtual list are placed by hand, so roles stand where a table's elements would.
/** All rows, of which only those in sight are drawn. */
export function CircuitList({ lines, tags, onFold }: Props) {
  const controls = useMay("operator")
  const follow = useFollowLink()
  const body = useRef<HTMLDivElement>(null)
  const narrow = useMediaQuery("(max-width: 48rem)") ?? false
  const margin = useTopOf(body)
  const height = narrow ? ROW_NARROW : ROW
  // The same between draws, or every row is measured again with each of them.
  const keyOf = useCallback((index: number) => lines[index]?.key ?? index, [lines])
  const sizeOf = useCallback(() => height, [height])
  const virtual = useWindowVirtualizer({
    count: lines.length,
    estimateSize: sizeOf,
    overscan: 8,
    scrollMargin: margin,
    getItemKey: keyOf,
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: sizes are of `height`
  useLayoutEffect(() => virtual.measure(), [virtual, height])
  return (
    <div
      role="table"
      aria-label="All circuits"
      aria-rowcount={lines.length + 1}
      className={classes.table}
    >
      <div role="rowgroup" className={classes.tableHead}>
        <div role="row" aria-rowindex={1} className={classes.headRow}>
          {COLUMNS.map(([name, label]) => (
            <div key={name} role="columnheader" className={classes.cell} data-column={name}>
              {label || <span className="fl-hidden">Actions</span>}
            </div>
          ))}
        </div>
      </div>
      <div
        ref={body}
        role="rowgroup"
        className={classes.tableBody}
        onClick={follow}
        style={{ height: virtual.getTotalSize() }}
      >
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index]
          if (line === undefined) return null
          const place = item.index + 1
          const top = item.start - virtual.options.scrollMargin
          return "agent" in line ? (
            <CircuitRow
              key={line.key}
              agent={line.agent}
              place={place}
              top={top}
              controls={controls}
              tags={tags.ofAgent.get(line.agent) ?? NONE}
            />
          ) : (
            <GroupRow key={line.key} head={line} place={place} top={top} onFold={onFold} />
          )
        })}
      </div>
    </div>
  )
}

// What stands above the list grows and shrinks; the list has to know where it begins.
function useTopOf(element: React.RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    const measure = () => {
      if (element.current === null) return
      setTop(Math.round(element.current.getBoundingClientRect().top + window.scrollY))
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(document.body)
    return () => observer.disconnect()
  }, [element])
  return top
}

// Follows the links of rows without loading the page again; not those for a new tab.
function useFollowLink() {
  const navigate = useNavigate()
  return useCallback(
    (event: MouseEvent<HTMLElement>) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
      const link = event.target instanceof Element ? event.target.closest("[data-agent]") : null
      const name = link?.getAttribute("data-agent")
      if (!name) return
      event.preventDefault()
      void navigate({ to: "/agents/$name", params: { name } })
    },
    [navigate],
  )
}
