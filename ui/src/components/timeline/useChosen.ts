import { type Dispatch, type SetStateAction, useEffect, useRef, useState } from "react"
import type { TimelineItem } from "../../api/models"
import { chosen, type TimelineState } from "./machine"
import { neighbourOf, useExplanation } from "./queries"
import { current } from "./useViewActions"
import type { Bounds } from "./view"

/** The chosen change, also where it is outside of what is loaded; and the way to its neighbours. */
export function useChosen(
  agent: string,
  state: TimelineState,
  setState: Dispatch<SetStateAction<TimelineState>>,
  changes: readonly TimelineItem[],
  bounds: Bounds,
) {
  const [found, setFound] = useState<TimelineItem | null>(null)
  const { data } = useExplanation(agent, state.opened ? state.selected : null)
  const known = [found, data?.transition].find((one) => one?.id === state.selected)
  const item = changes.find((one) => one.id === state.selected) ?? known ?? null

  // A link names a change; wherever it was, it is shown.
  const linked = useRef(state.selected)
  useEffect(() => {
    if (linked.current === null || item === null) return
    if (item.id === linked.current) {
      setState((before) => chosen(current(before), item, bounds))
    }
    linked.current = null
  }, [item, bounds, setState])

  const running = useRef<AbortController | null>(null)
  useEffect(() => () => running.current?.abort(), [])
  const seek = async (direction: "next" | "previous", fromMs: number) => {
    running.current?.abort()
    const control = new AbortController()
    running.current = control
    const next = await neighbourOf(agent, direction, fromMs, control.signal).catch(() => null)
    if (next === null || control.signal.aborted) return
    setFound(next)
    setState((before) => chosen(current(before), next, bounds))
  }
  return { item, seek }
}
