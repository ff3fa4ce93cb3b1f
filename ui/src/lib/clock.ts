import { useSyncExternalStore } from "react"

// A browser's clock may be minutes off; times of the API are of the Redis server's clock. An event
// is always late, never early, so the largest difference is the nearest; a jump is a clock set anew.
const JUMP_MS = 2_000
let offsetMs: number | null = null

/** Takes note of what the server's clock said in an event that came just now. */
export function noteServerTime(serverMs: number, localMs = Date.now()): void {
  const seen = serverMs - localMs
  if (offsetMs === null || seen > offsetMs || offsetMs - seen > JUMP_MS) offsetMs = seen
}

/** Ms since 1970 by the server's clock. */
export function serverNow(): number {
  return Date.now() + (offsetMs ?? 0)
}

const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined
let tick = 0

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    tick += 1
    for (const one of listeners) one()
  }, 1_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** The server's time, once a second; all parts of a page tick together. */
export function useNow(): number {
  useSyncExternalStore(subscribe, () => tick)
  return serverNow()
}
