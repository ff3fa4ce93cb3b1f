import type { TimelineItem } from "../../api/models"
import { isExplained } from "./marks"
import { type Bounds, containing, held, live, panned, spanOf, type View, zoomed } from "./view"

/** What the timeline shows and what is chosen in it. */
export interface TimelineState {
  view: View
  /** The view ends now and moves with it. */
  live: boolean
  /** Id of the chosen transition or override. */
  selected: string | null
  /** Whether its explanation is open. */
  opened: boolean
  /** The instant that was asked about and stays; null: the pointer's. */
  pinnedMs: number | null
}

export interface Context extends Bounds {
  /** Changes that are known, in order of time. */
  changes: readonly TimelineItem[]
}

/** The state after a key; with `seek`, what is asked for is not among the known changes. */
export interface Step {
  state: TimelineState
  seek?: { direction: "next" | "previous"; fromMs: number }
}

const PAN = 0.2
const PAN_FAR = 0.8
const ZOOM = 0.5
const NUDGE = 0.01

/** The state with another view; live where that view reaches now. */
export function viewed(state: TimelineState, view: View, bounds: Bounds): TimelineState {
  return { ...state, view: held(view, bounds), live: false }
}

/** Zooming keeps a live timeline live: it still ends now. */
export function zoomedState(
  state: TimelineState,
  factor: number,
  aroundMs: number | null,
  bounds: Bounds,
): TimelineState {
  if (state.live) {
    const view = live(held(zoomed(state.view, factor, bounds.nowMs), bounds), bounds.nowMs)
    return { ...state, view }
  }
  const middle = (state.view.fromMs + state.view.toMs) / 2
  const inside = aroundMs !== null && aroundMs >= state.view.fromMs && aroundMs <= state.view.toMs
  return viewed(state, zoomed(state.view, factor, inside ? aroundMs : middle), bounds)
}

/** The state with a change chosen and in view. */
export function chosen(
  state: TimelineState,
  item: Pick<TimelineItem, "id" | "at_ms">,
  bounds: Bounds,
  opened = state.opened,
): TimelineState {
  const view = containing(state.view, item.at_ms)
  const next = { ...state, selected: item.id, opened }
  return view === state.view ? next : viewed(next, view, bounds)
}

/** What a key does; null: it is none of the timeline's. */
export function afterKey(
  state: TimelineState,
  key: string,
  shift: boolean,
  context: Context,
): Step | null {
  const { view } = state
  switch (key) {
    case "ArrowLeft":
      return { state: viewed(state, panned(view, shift ? -PAN_FAR : -PAN), context) }
    case "ArrowRight":
      if (state.live) return { state }
      return { state: viewed(state, panned(view, shift ? PAN_FAR : PAN), context) }
    case "+":
    case "=":
      return { state: zoomedState(state, ZOOM, anchor(state, context), context) }
    case "-":
    case "_":
      return { state: zoomedState(state, 1 / ZOOM, anchor(state, context), context) }
    case "Home":
      return {
        state: viewed(
          state,
          { fromMs: context.firstMs, toMs: context.firstMs + spanOf(view) },
          context,
        ),
      }
    case "End":
      return { state: { ...state, live: true, view: live(view, context.nowMs) } }
    case "n":
    case "N":
      return neighbour(state, "next", context)
    case "p":
    case "P":
      return neighbour(state, "previous", context)
    case "Enter":
      return state.selected === null ? { state } : { state: { ...state, opened: true } }
    case "Escape":
      return escaped(state)
    case ",":
      return { state: nudged(state, -NUDGE, context) }
    case ".":
      return { state: nudged(state, NUDGE, context) }
    default:
      return null
  }
}

function anchor(state: TimelineState, context: Context): number | null {
  return selectedAt(state, context) ?? state.pinnedMs
}

function selectedAt(state: TimelineState, context: Context): number | null {
  return context.changes.find((item) => item.id === state.selected)?.at_ms ?? null
}

function escaped(state: TimelineState): Step | null {
  if (state.opened) return { state: { ...state, opened: false } }
  if (state.selected === null && state.pinnedMs === null) return null
  return { state: { ...state, selected: null, pinnedMs: null } }
}

function nudged(state: TimelineState, share: number, context: Context): TimelineState {
  const from = state.pinnedMs ?? selectedAt(state, context) ?? middleOf(state.view)
  const atMs = Math.round(Math.min(context.nowMs, from + spanOf(state.view) * share))
  return { ...state, pinnedMs: Math.min(state.view.toMs, Math.max(state.view.fromMs, atMs)) }
}

function middleOf(view: View): number {
  return Math.round((view.fromMs + view.toMs) / 2)
}

function neighbour(state: TimelineState, direction: "next" | "previous", context: Context): Step {
  const known = context.changes.filter(isExplained)
  const place = known.findIndex((item) => item.id === state.selected)
  const fallback = direction === "next" ? state.view.fromMs : state.view.toMs
  let found: TimelineItem | undefined
  if (place >= 0) found = known[direction === "next" ? place + 1 : place - 1]
  else if (direction === "next") found = known.find((item) => item.at_ms >= fallback)
  else found = known.findLast((item) => item.at_ms <= fallback)
  if (found !== undefined) return { state: chosen(state, found, context) }
  const fromMs = place >= 0 ? (known[place]?.at_ms ?? fallback) : fallback
  return { state, seek: { direction, fromMs } }
}
