import { memo, type ReactNode } from "react"
import type { CircuitSummary } from "../../api/models"
import { useCircuitRow } from "../../api/useStream"
import { counted, duration, perSecond } from "../../lib/format"
import { StateBadge } from "../state/StateBadge"
import { TimeAgo } from "../state/TimeAgo"
import classes from "./circuits.module.css"
import { RateBar } from "./RateBar"
import { RowActions } from "./RowActions"
import { Sparkline } from "./Sparkline"
import { Streak } from "./Streak"

interface Props {
  agent: string
  /** Its place among all rows, from 1. */
  place: number
  /** Where it stands, in px from the top of the list. */
  top: number
  /** Whether the caller may change circuits. */
  controls: boolean
  tags: readonly string[]
}

const TAGS_SHOWN = 3

/** One circuit in the table; drawn again only when it changes itself. */
export const CircuitRow = memo(function CircuitRow({ agent, place, top, controls, tags }: Props) {
  const row = useCircuitRow(agent)
  return (
    <div
      role="row"
      aria-rowindex={place + 1}
      className={classes.row}
      style={{ transform: `translateY(${top}px)` }}
    >
      <Cell name="state">{row ? <StateBadge row={row} size="sm" /> : "gone"}</Cell>
      <Cell name="name">
        {/* A plain link, which the list leads through the router: there are many of them. */}
        <a href={pathOf(agent)} data-agent={agent} className={classes.rowLink}>
          {agent}
        </a>
        {tags.length > 0 && <RowTags tags={tags} />}
      </Cell>
      <Cell name="rate">{row && <RateBar row={row} />}</Cell>
      <Cell name="streak">{row && <Streak row={row} />}</Cell>
      <Cell name="calls">{row && <CallRate row={row} />}</Cell>
      <Cell name="spark">{row && <Sparkline parts={row.spark} />}</Cell>
      <Cell name="changed">{row && <TimeAgo atMs={row.since_ms} never="–" />}</Cell>
      <Cell name="actions">{controls && <RowActions agent={agent} />}</Cell>
    </div>
  )
})

function RowTags({ tags }: { tags: readonly string[] }) {
  const more = tags.length - TAGS_SHOWN
  return (
    <span className={classes.rowTags} title={tags.join(", ")}>
      {tags.slice(0, TAGS_SHOWN).map((tag) => (
        <span key={tag}>{tag}</span>
      ))}
      {more > 0 && <span>+{more}</span>}
    </span>
  )
}

function CallRate({ row }: { row: CircuitSummary }) {
  const seconds = row.thresholds?.window_size_seconds ?? 0
  if (seconds <= 0) return "–"
  return (
    <span className="fl-num" title={`${counted(row.calls, "call")} in ${duration(seconds)}`}>
      {perSecond(row.calls / seconds)}
    </span>
  )
}

function Cell({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div role="cell" className={classes.cell} data-column={name}>
      {children}
    </div>
  )
}

function pathOf(agent: string): string {
  return `/agents/${encodeURIComponent(agent)}`
}
