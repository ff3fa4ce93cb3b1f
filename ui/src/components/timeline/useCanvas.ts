import { type RefObject, useEffect } from "react"

/** Draws on a canvas after each draw of its component, in px, once a frame. */
export function usePaint(
  ref: RefObject<HTMLCanvasElement | null>,
  width: number,
  height: number,
  paint: (ctx: CanvasRenderingContext2D) => void,
): void {
  useEffect(() => {
    const canvas = ref.current
    if (canvas === null || width === 0) return
    const frame = requestAnimationFrame(() => {
      const ratio = window.devicePixelRatio || 1
      const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)]
      if (canvas.width !== wide || canvas.height !== high) {
        canvas.width = wide
        canvas.height = high
      }
      const ctx = canvas.getContext("2d")
      if (ctx === null) return
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
      ctx.clearRect(0, 0, width, height)
      paint(ctx)
    })
    return () => cancelAnimationFrame(frame)
  })
}
