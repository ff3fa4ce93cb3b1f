import { useWindowVirtualizer } from "@tanstack/react-virtual"
import { useEffect, useLayoutEffect, useRef, useState } from "react"
import type { AgentResponse } from "../../types/agent"
import { AgentRow } from "./AgentRow"
import classes from "./list.module.css"

const ROW_PX = 60
const AHEAD = 20

interface Props {
  agents: readonly AgentResponse[]
  /** Agents on all pages. */
  total: number
  onTag: (tag: string) => void
  /** Called when the end of what is there comes near. */
  onEnd: () => void
}

/** Agents in a list of any length; only what is seen is drawn. */
export function AgentList({ agents, total, onTag, onEnd }: Props) {
  const list = useRef<HTMLUListElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => setTop(list.current?.offsetTop ?? 0), [])
  const rows = useWindowVirtualizer({
    count: agents.length,
    estimateSize: () => ROW_PX,
    overscan: 8,
    scrollMargin: top,
    getItemKey: (index) => agents[index]?.name ?? index,
  })
  const seen = rows.getVirtualItems()
  const last = seen.at(-1)?.index ?? 0
  const near = agents.length > 0 && agents.length < total && last >= agents.length - AHEAD
  useEffect(() => {
    if (near) onEnd()
  }, [near, onEnd])
  return (
    <ul
      ref={list}
      className={classes.list}
      aria-label="Agents"
      style={{ height: rows.getTotalSize() + 2 }}
    >
      {seen.map(({ index, key, start }) => {
        const agent = agents[index]
        if (agent === undefined) return null
        return (
          <li
            key={key}
            className={classes.row}
            aria-setsize={total}
            aria-posinset={index + 1}
            style={{ transform: `translateY(${start - top}px)` }}
          >
            <AgentRow agent={agent} onTag={onTag} />
          </li>
        )
      })}
    </ul>
  )
}
