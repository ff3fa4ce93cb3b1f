/** The part of time that is shown. */
export interface View {
  fromMs: number
  toMs: number
}

/** What a view may not leave: from the first thing that happened to a little after now. */
export interface Bounds {
  firstMs: number
  nowMs: number
}

export const MIN_SPAN_MS = 1_000
export const MAX_SPAN_MS = 400 * 86_400_000

export function spanOf(view: View): number {
  return view.toMs - view.fromMs
}

/** A view of whole ms with a span that can be drawn, held near what there is to see. */
export function held(view: View, bounds: Bounds): View {
  const span = Math.round(Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, spanOf(view))))
  // Half a screen of nothing may show at either end, so that the ends can be looked at closely.
  const earliest = Math.min(bounds.firstMs, bounds.nowMs - span) - span / 2
  const latest = bounds.nowMs + span / 2 - span
  const fromMs = Math.round(Math.min(latest, Math.max(earliest, view.fromMs)))
  return { fromMs, toMs: fromMs + span }
}

/** The view with its span times `factor`; what is at `aroundMs` stays where it is. */
export function zoomed(view: View, factor: number, aroundMs: number): View {
  const span = spanOf(view)
  const next = Math.min(MAX_SPAN_MS, Math.max(MIN_SPAN_MS, span * factor))
  const share = (aroundMs - view.fromMs) / span
  const fromMs = aroundMs - share * next
  return { fromMs, toMs: fromMs + next }
}

/** The view moved by a part of its span; later if positive. */
export function panned(view: View, share: number): View {
  const by = spanOf(view) * share
  return { fromMs: view.fromMs + by, toMs: view.toMs + by }
}

/** The view moved so far that `atMs` is in its middle; the same if it is inside already. */
export function containing(view: View, atMs: number): View {
  if (atMs >= view.fromMs && atMs <= view.toMs) return view
  const half = spanOf(view) / 2
  return { fromMs: atMs - half, toMs: atMs + half }
}

/** The view of the same span that ends now. */
export function live(view: View, nowMs: number): View {
  return { fromMs: nowMs - spanOf(view), toMs: nowMs }
}

/**
 * The range to ask the API for: wider than the view and on a grid, so that moving and zooming a
 * little need no other answer.
 */
export function fetched(view: View): View {
  const span = spanOf(view)
  const grid = 2 ** Math.ceil(Math.log2(span)) / 2
  return {
    fromMs: Math.max(0, (Math.floor(view.fromMs / grid) - 1) * grid),
    toMs: (Math.ceil(view.toMs / grid) + 1) * grid,
  }
}

/** The same, but close around the view: for what there is much of. */
export function near(view: View): View {
  const grid = 2 ** Math.ceil(Math.log2(spanOf(view))) / 4
  return {
    fromMs: Math.max(0, Math.floor(view.fromMs / grid) * grid),
    toMs: Math.ceil(view.toMs / grid) * grid,
  }
}

const HOUR = 3_600_000
const CONTEXTS = [HOUR, 6 * HOUR, 24 * HOUR, 7 * 24 * HOUR, 30 * 24 * HOUR, 180 * 24 * HOUR]

/** What the strip above the lanes shows: up to now, several times what the lanes show. */
export function contextOf(view: View, bounds: Bounds): View {
  const wanted = Math.max(bounds.nowMs - view.fromMs, spanOf(view) * 4)
  const span = CONTEXTS.find((one) => one >= wanted) ?? wanted
  return { fromMs: bounds.nowMs - span, toMs: bounds.nowMs }
}
