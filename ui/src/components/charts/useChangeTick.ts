import { useQueryClient } from "@tanstack/react-query"
import { useEffect } from "react"
import { stream } from "../../api/stream"
import { serverNow } from "../../lib/clock"

const SPACING_MS = 3_000

/** Names of what is kept of timelines: then the name of the agent, what it is, and the range. */
export const timelineKey = (name: string, ...rest: (string | number)[]) =>
  ["timeline", name, ...rest] as const

/** Beside a key in `meta`: until when the answer may still change, ms since 1970. */
export interface Growing extends Record<string, unknown> {
  untilMs: number
}

/**
 * Reads what is shown of an agent's timeline again when the stream tells of changes, at most every
 * few seconds; ranges that are over stay as they are.
 */
export function useLiveTimeline(name: string): void {
  const client = useQueryClient()
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const refresh = () => {
      timer = undefined
      void client.invalidateQueries({
        queryKey: timelineKey(name),
        // A query that has to be read anew is not cut off by the next change, or it never ends.
        predicate: ({ meta, state }) =>
          typeof meta?.untilMs === "number" &&
          meta.untilMs >= serverNow() - 2 * SPACING_MS &&
          state.fetchStatus === "idle",
      })
    }
    const stop = stream.onRow(name, () => {
      timer ??= setTimeout(refresh, SPACING_MS)
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [client, name])
}
