import { useEffect, useRef, useState } from "react"
import type { CircuitSummary } from "../../api/models"
import { stream } from "../../api/stream"
import { isScrolling } from "../../lib/scrolling"

// A circuit that closed stays a moment, so that one that flaps does not come and go.
const LINGER_MS = 6_000
// As the API ranks it: unreadable, forced open, open, half-open.
const TROUBLE = 3

/** Whether a circuit asks for an operator's eye. */
export function inTrouble(row: CircuitSummary): boolean {
  return row.trouble <= TROUBLE
}

/**
 * The agents in trouble, the latest first; their order stays as long as they are there, and while
 * `held`, or while the page scrolls, nothing comes or goes.
 */
export function useTrouble(held: boolean): string[] {
  const seen = useRef(new Map<string, { entered: number; last: number }>())
  const [names, setNames] = useState<string[]>([])
  useEffect(() => {
    const look = (rows: Iterable<CircuitSummary>) => {
      const now = Date.now()
      for (const row of rows) {
        if (!inTrouble(row)) continue
        const known = seen.current.get(row.agent)
        if (known) known.last = now
        else seen.current.set(row.agent, { entered: row.since_ms, last: now })
      }
      if (held || isScrolling()) return
      for (const [name, { last }] of seen.current) {
        if (now - last > LINGER_MS || !stream.table.get(name)) seen.current.delete(name)
      }
      const next = [...seen.current]
        .sort(([one, a], [other, b]) => b.entered - a.entered || (one < other ? -1 : 1))
        .map(([name]) => name)
      setNames((before) => (same(before, next) ? before : next))
    }
    const lookAtAll = () => look(stream.table.values())
    lookAtAll()
    const timer = setInterval(lookAtAll, 1_000)
    const stop = stream.onTurns((turns) => {
      look(turns.flatMap(({ agent }) => stream.table.get(agent) ?? []))
    })
    return () => {
      clearInterval(timer)
      stop()
    }
  }, [held])
  return names
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index])
}
