import { SHOWN, type Shown, shownOf } from "../lib/shown"
import type { CircuitFigures, CircuitSummary, StreamChanges, StreamSnapshot } from "./models"

/** A circuit that is shown as something else than before. */
export interface Turn {
  agent: string
  from: Shown | null
  to: Shown
}

/** What the events since the last look did. */
export interface Touched {
  /** Agents whose row is another, gone or new. */
  names: Set<string>
  /** Whether agents came or went. */
  members: boolean
  turns: Turn[]
}

/** All circuits as the stream tells them. Rows are never altered, only replaced. */
export class CircuitTable {
  /** Counts what happened; the same number means the same content. */
  version = 0
  /** Counts agents that came or went and settings that changed: what the registry is asked for again. */
  registry = 0
  /** Whether a whole snapshot has come. */
  loaded = false
  private rows = new Map<string, CircuitSummary>()
  private incoming: Map<string, CircuitSummary> | null = null
  private touched: Touched = untouched()
  private tally = noCounts()

  get size(): number {
    return this.rows.size
  }

  get(agent: string): CircuitSummary | undefined {
    return this.rows.get(agent)
  }

  values(): Iterable<CircuitSummary> {
    return this.rows.values()
  }

  names(): Iterable<string> {
    return this.rows.keys()
  }

  /** How many circuits are shown as what. */
  counts(): Readonly<Record<Shown, number>> {
    return this.tally
  }

  /** A part of a snapshot. The old rows stay until the last part is here. */
  snapshot(event: Pick<StreamSnapshot, "part" | "parts" | "circuits">): void {
    if (event.part === 1) this.incoming = new Map()
    // A part without those before it belongs to a snapshot that was cut off.
    if (this.incoming === null) return
    for (const row of event.circuits) this.incoming.set(row.agent, row)
    if (event.part < event.parts) return
    const before = this.rows
    this.rows = this.incoming
    this.incoming = null
    for (const name of before.keys()) if (!this.rows.has(name)) this.touch(name, true)
    for (const [name, row] of this.rows) {
      this.touch(name, !before.has(name))
      this.note(before.get(name), row)
      if (this.loaded) this.turn(before.get(name), row)
    }
    this.tally = noCounts()
    for (const row of this.rows.values()) this.tally[shownOf(row)] += 1
    this.loaded = true
    this.version += 1
  }

  /** Circuits that changed, came, or went. */
  changes(event: Pick<StreamChanges, "circuits" | "removed" | "left">): void {
    for (const row of event.circuits) {
      const before = this.rows.get(row.agent)
      this.put(before, row)
      this.touch(row.agent, before === undefined)
      this.note(before, row)
      this.turn(before, row)
    }
    for (const name of [...event.removed, ...event.left]) {
      const before = this.rows.get(name)
      if (before === undefined) continue
      this.rows.delete(name)
      this.count(before, -1)
      this.touch(name, true)
    }
    this.version += 1
  }

  /** New figures over the rows there are. */
  figures(circuits: readonly CircuitFigures[]): void {
    for (const figures of circuits) {
      const row = this.rows.get(figures.agent)
      if (row === undefined) continue
      this.put(row, { ...row, ...figures })
      this.touch(figures.agent, false)
    }
    this.version += 1
  }

  /** What happened since this was asked last. */
  take(): Touched {
    const taken = this.touched
    this.touched = untouched()
    return taken
  }

  private put(before: CircuitSummary | undefined, row: CircuitSummary): void {
    this.rows.set(row.agent, row)
    if (before !== undefined) this.count(before, -1)
    this.count(row, 1)
  }

  // Never altered in place: who holds counts compares them with later ones.
  private count(row: CircuitSummary, more: number): void {
    const shown = shownOf(row)
    this.tally = { ...this.tally, [shown]: this.tally[shown] + more }
  }

  private touch(name: string, members: boolean): void {
    this.touched.names.add(name)
    this.touched.members ||= members
  }

  private note(before: CircuitSummary | undefined, row: CircuitSummary): void {
    if (before?.revision !== row.revision) this.registry += 1
  }

  private turn(before: CircuitSummary | undefined, row: CircuitSummary): void {
    const to = shownOf(row)
    const from = before === undefined ? null : shownOf(before)
    if (from !== to) this.touched.turns.push({ agent: row.agent, from, to })
  }
}

function noCounts(): Record<Shown, number> {
  return Object.fromEntries(SHOWN.map((one) => [one, 0])) as Record<Shown, number>
}

function untouched(): Touched {
  return { names: new Set(), members: false, turns: [] }
}
