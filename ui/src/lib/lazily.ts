import { type ComponentType, lazy } from "react"

const FIRST_MS = 500
const LONGEST_MS = 30_000

/**
 * A component whose script comes when it is first drawn. Where it cannot be fetched, because the
 * server is away, its place stays as it is and it is tried again: what is known must not go with it.
 */
// biome-ignore lint/suspicious/noExplicitAny: as React's own `lazy` has it
export function lazily<T extends ComponentType<any>>(load: () => Promise<T>) {
  return lazy(async () => ({ default: await persistently(load) }))
}

/** What `load` gives, tried until it does. */
export async function persistently<T>(load: () => Promise<T>): Promise<T> {
  for (let wait = FIRST_MS; ; wait = Math.min(2 * wait, LONGEST_MS)) {
    try {
      return await load()
    } catch {
      await new Promise((done) => setTimeout(done, wait))
    }
  }
}
