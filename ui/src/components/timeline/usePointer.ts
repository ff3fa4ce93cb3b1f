import { type RefObject, useCallback, useEffect, useRef, useState } from "react"
import type { Scale } from "./scale"
import { panned, spanOf, type View } from "./view"

const DRAG_PX = 5
const WHEEL_STEP = 0.0016

interface Actions {
  zoom: (factor: number, aroundMs: number) => void
  show: (view: View) => void
  /** A click at a place of the canvas. */
  pick: (x: number, y: number) => void
}

/** Where the pointer is; the instant stays the same while a live view moves under it. */
export interface Hover {
  x: number
  y: number
  atMs: number
}

/** Wheel, drags and clicks on the lanes. A mouse draws a range to zoom into; a finger moves. */
export function usePointer(
  ref: RefObject<HTMLCanvasElement | null>,
  scale: Scale,
  view: View,
  actions: Actions,
) {
  const [hover, setHover] = useState<Hover | null>(null)
  const [brush, setBrush] = useState<{ fromX: number; toX: number } | null>(null)
  const drag = useRef<{ x: number; view: View; moves: boolean; moved: boolean } | null>(null)
  const now = useRef({ scale, view, actions })
  now.current = { scale, view, actions }

  useEffect(() => {
    const canvas = ref.current
    if (canvas === null) return
    // React's own listener is passive, and the page would scroll too.
    const wheel = (event: WheelEvent) => {
      event.preventDefault()
      const at = now.current
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        const by = event.deltaX === 0 ? event.deltaY : event.deltaX
        at.actions.show(panned(at.view, (by / canvas.clientWidth) * 0.8))
        return
      }
      const factor = Math.exp(Math.max(-240, Math.min(240, event.deltaY)) * WHEEL_STEP)
      at.actions.zoom(factor, at.scale.at(event.offsetX))
    }
    canvas.addEventListener("wheel", wheel, { passive: false })
    return () => canvas.removeEventListener("wheel", wheel)
  }, [ref])

  const onPointerDown = useCallback((event: React.PointerEvent) => {
    if (event.button !== 0) return
    event.currentTarget.setPointerCapture(event.pointerId)
    const moves = event.pointerType === "touch" || event.shiftKey
    drag.current = { x: place(event).x, view: now.current.view, moves, moved: false }
  }, [])
  const onPointerMove = useCallback((event: React.PointerEvent) => {
    const at = place(event)
    const atMs = Math.round(now.current.scale.at(at.x))
    setHover(event.pointerType === "touch" ? null : { ...at, atMs })
    const from = drag.current
    if (from === null || Math.abs(at.x - from.x) < DRAG_PX) return
    from.moved = true
    if (from.moves) {
      const share = (from.x - at.x) * (1 / (now.current.scale.pxPerMs * spanOf(from.view)))
      now.current.actions.show(panned(from.view, share))
    } else setBrush({ fromX: from.x, toX: at.x })
  }, [])
  const onPointerUp = useCallback((event: React.PointerEvent) => {
    const from = drag.current
    const at = place(event)
    drag.current = null
    setBrush(null)
    if (from === null) return
    const { scale, actions } = now.current
    if (!from.moved) actions.pick(at.x, at.y)
    else if (!from.moves) {
      actions.show({
        fromMs: scale.at(Math.min(from.x, at.x)),
        toMs: scale.at(Math.max(from.x, at.x)),
      })
    }
  }, [])
  const forget = useCallback(() => {
    drag.current = null
    setBrush(null)
    setHover(null)
  }, [])
  const handlers = {
    onPointerDown,
    onPointerMove,
    onPointerUp,
    onPointerLeave: forget,
    onPointerCancel: forget,
  }
  return { hover, brush, handlers }
}

function place(event: React.PointerEvent): { x: number; y: number } {
  const box = event.currentTarget.getBoundingClientRect()
  return { x: event.clientX - box.left, y: event.clientY - box.top }
}
