import type { CircuitSummary } from "../../api/models"
import { type Shown, shownOf } from "../../lib/shown"

export interface Filter {
  /** Only circuits that are shown as one of these; empty: all. */
  states: readonly Shown[]
  /** Only agents whose name has this in it. */
  text: string
  /** Only these; null: all. */
  agents: ReadonlySet<string> | null
}

/** Whether a circuit passes a filter. */
export function passes(row: CircuitSummary, filter: Filter): boolean {
  if (filter.states.length > 0 && !filter.states.includes(shownOf(row))) return false
  if (filter.agents !== null && !filter.agents.has(row.agent)) return false
  return filter.text === "" || row.agent.includes(filter.text.toLowerCase())
}

/**
 * Those in most trouble first, then by failure rate and name. The rate is taken in steps of 10 %:
 * figures move all the time, rows should not.
 */
export function compare(one: CircuitSummary, other: CircuitSummary): number {
  return (
    one.trouble - other.trouble ||
    step(other.failure_rate) - step(one.failure_rate) ||
    (one.agent < other.agent ? -1 : one.agent > other.agent ? 1 : 0)
  )
}

function step(rate: number): number {
  return Math.round(rate * 10)
}

/** Rows by name, as the table of circuits has them. */
export interface Rows {
  get(agent: string): CircuitSummary | undefined
  values(): Iterable<CircuitSummary>
}

/**
 * Names in order, of the rows that pass. Those of `before` are taken first, in its order: where most
 * rows still stand as they stood, putting them in order is a walk along them.
 */
export function ordered(rows: Rows, filter: Filter, before: readonly string[] = []): string[] {
  const passing: CircuitSummary[] = []
  const known = new Set<string>()
  for (const name of before) {
    const row = rows.get(name)
    if (row === undefined) continue
    known.add(name)
    if (passes(row, filter)) passing.push(row)
  }
  for (const row of rows.values()) {
    if (!known.has(row.agent) && passes(row, filter)) passing.push(row)
  }
  return passing.sort(compare).map((row) => row.agent)
}
