import { type PointerEvent, useMemo, useState } from "react"

/**
 * Whether the mouse is over an element, or the keyboard's focus is in it: then nothing in it may move.
 * Fingers hold nothing: they have no place where they rest.
 */
export function useHold() {
  const [held, setHeld] = useState(false)
  const handlers = useMemo(
    () => ({
      onPointerEnter: (event: PointerEvent) => event.pointerType === "mouse" && setHeld(true),
      onPointerLeave: () => setHeld(false),
      onFocus: (event: { target: Element }) =>
        event.target.matches(":focus-visible") && setHeld(true),
      onBlur: () => setHeld(false),
    }),
    [],
  )
  return { held, handlers }
}
