import { useNavigate, useSearch } from "@tanstack/react-router"
import { useCallback, useEffect, useMemo, useRef, useState } from "react"
import { serverNow, useNow } from "../../lib/clock"
import type { TimelineSearch } from "../../pages/TimelineSearch"
import type { TimelineState } from "./machine"
import { live } from "./view"

export const DEFAULT_SPAN_MS = 15 * 60_000
const WRITE_MS = 300

function stateOf(search: TimelineSearch): TimelineState {
  const { from, to, span = DEFAULT_SPAN_MS, sel, at } = search
  const now = serverNow()
  const isLive = from === undefined || to === undefined
  return {
    view: isLive ? { fromMs: now - span, toMs: now } : { fromMs: from, toMs: to },
    live: isLive,
    selected: sel ?? null,
    opened: sel !== undefined,
    pinnedMs: at ?? null,
  }
}

function placeOf(state: TimelineState): TimelineSearch {
  const { view, selected, opened, pinnedMs } = state
  const span = Math.round(view.toMs - view.fromMs)
  return {
    ...(state.live
      ? span === DEFAULT_SPAN_MS
        ? {}
        : { span }
      : { from: Math.round(view.fromMs), to: Math.round(view.toMs) }),
    ...(selected !== null && opened ? { sel: selected } : {}),
    ...(pinnedMs !== null ? { at: pinnedMs } : {}),
  }
}

/** What a timeline shows, kept in its address; a live view moves with the clock. */
export function useTimeline() {
  const search = useSearch({ from: "/shell/agents/$name/timeline" })
  const navigate = useNavigate({ from: "/agents/$name/timeline" })
  const [state, setState] = useState(() => stateOf(search))
  const place = useMemo(() => placeOf(state), [state])
  const given = JSON.stringify(ofState(search))
  const wanted = JSON.stringify(place)
  const written = useRef(given)

  useEffect(() => {
    // Somebody else has changed the address: a link, or the way back.
    if (given !== written.current) {
      written.current = given
      setState(stateOf(JSON.parse(given) as TimelineSearch))
    }
  }, [given])

  useEffect(() => {
    if (wanted === written.current) return
    const timer = setTimeout(() => {
      written.current = wanted
      const { from: _f, to: _t, span: _s, sel: _l, at: _a, ...rest } = latest.current
      void navigate({ search: { ...rest, ...JSON.parse(wanted) }, replace: true })
    }, WRITE_MS)
    return () => clearTimeout(timer)
  }, [wanted, navigate])

  const latest = useRef(search)
  latest.current = search

  const nowMs = useNow()
  const view = state.live ? live(state.view, nowMs) : state.view
  const shown = useMemo(
    () => ({ ...state, view: { fromMs: view.fromMs, toMs: view.toMs } }),
    [state, view.fromMs, view.toMs],
  )
  const setOption = useCallback(
    (option: Pick<TimelineSearch, "kinds" | "list">) =>
      void navigate({ search: (before) => ({ ...before, ...option }), replace: true }),
    [navigate],
  )
  return { state: shown, setState, search, setOption, nowMs }
}

function ofState({ from, to, span, sel, at }: TimelineSearch): TimelineSearch {
  return {
    ...(from !== undefined && to !== undefined ? { from, to } : span === undefined ? {} : { span }),
    ...(sel !== undefined ? { sel } : {}),
    ...(at !== undefined ? { at } : {}),
  }
}
