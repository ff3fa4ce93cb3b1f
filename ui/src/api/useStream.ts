import { useCallback, useEffect, useRef, useSyncExternalStore } from "react"
import type { CircuitSummary } from "./models"
import { type Connection, stream } from "./stream"
import type { CircuitTable, Turn } from "./table"

/** The row of one agent; the component is drawn again only when this row is another. */
export function useCircuitRow(name: string): CircuitSummary | undefined {
  const subscribe = useCallback((listener: () => void) => stream.onRow(name, listener), [name])
  return useSyncExternalStore(subscribe, () => stream.table.get(name))
}

const onTable = (listener: () => void) => stream.onTable(listener)

/**
 * Something computed from all rows; drawn again only when `isEqual` says that it is another. Keep
 * `select` the same between draws (outside the component, or by useCallback).
 */
export function useCircuits<T>(
  select: (table: CircuitTable) => T,
  isEqual: (one: T, other: T) => boolean = Object.is,
): T {
  const last = useRef<{ version: number; select: typeof select; value: T } | null>(null)
  const read = () => {
    const known = last.current
    const version = stream.table.version
    if (known !== null && known.version === version && known.select === select) return known.value
    const next = select(stream.table)
    const value = known !== null && isEqual(known.value, next) ? known.value : next
    last.current = { version, select, value }
    return value
  }
  return useSyncExternalStore(onTable, read)
}

const onConnection = (listener: () => void) => stream.onConnection(listener)

/** How the stream stands. */
export function useConnection(): Connection {
  return useSyncExternalStore(onConnection, () => stream.connection)
}

/** Whether what the page shows may be old, because the connection is lost. */
export function useIsOld(): boolean {
  return useSyncExternalStore(onConnection, isOld)
}

function isOld(): boolean {
  const { state } = stream.connection
  return state === "reconnecting" || state === "stale"
}

/** Follows the stream while the component is there. */
export function useFollow(): void {
  useEffect(() => stream.start(), [])
}

/** Calls `action` with the circuits that turned from one state to another. */
export function useTurns(action: (turns: Turn[]) => void): void {
  useEffect(() => stream.onTurns(action), [action])
}
