import { useBlocker } from "@tanstack/react-router"
import { useCallback, useRef } from "react"

/** Asks before typed settings are left behind; the answer is told whether there are any. */
export function useLeaveGuard(): (dirty: boolean) => void {
  const dirty = useRef(false)
  useBlocker({
    shouldBlockFn: () =>
      dirty.current && !window.confirm("Leave without saving? What you changed is lost."),
    enableBeforeUnload: () => dirty.current,
  })
  return useCallback((now: boolean) => {
    dirty.current = now
  }, [])
}
