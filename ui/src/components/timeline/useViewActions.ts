import { type Dispatch, type SetStateAction, useMemo, useRef } from "react"
import { serverNow } from "../../lib/clock"
import { type TimelineState, viewed, zoomedState } from "./machine"
import { type Bounds, live, panned } from "./view"

/** The buttons of the toolbar as changes of the state. */
export function useViewActions(setState: Dispatch<SetStateAction<TimelineState>>, bounds: Bounds) {
  const latest = useRef(bounds)
  latest.current = bounds
  return useMemo(() => {
    const change = (action: (state: TimelineState, bounds: Bounds) => TimelineState) =>
      setState((before) => action(current(before), latest.current))
    return {
      onSpan: (ms: number) =>
        change((state, within) => {
          const { toMs } = state.view
          if (state.live) return { ...state, view: { fromMs: toMs - ms, toMs } }
          const middle = (state.view.fromMs + toMs) / 2
          return viewed(state, { fromMs: middle - ms / 2, toMs: middle + ms / 2 }, within)
        }),
      onLive: () =>
        change((state, { nowMs }) => ({
          ...state,
          live: !state.live,
          view: state.live ? state.view : live(state.view, nowMs),
        })),
      onZoom: (factor: number) =>
        change((state, within) => zoomedState(state, factor, state.pinnedMs, within)),
      onPan: (share: number) =>
        change((state, within) => viewed(state, panned(state.view, share), within)),
    }
  }, [setState])
}

/** The state with the view as it is now; while live, only its span is kept. */
export function current(state: TimelineState): TimelineState {
  return state.live ? { ...state, view: live(state.view, serverNow()) } : state
}
