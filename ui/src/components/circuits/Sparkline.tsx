import { useComputedColorScheme } from "@mantine/core"
import { useEffect, useRef } from "react"
import classes from "./circuits.module.css"

interface Props {
  /** Calls and failures of each part of the window, oldest first. */
  parts: readonly (readonly [number, number])[]
  width?: number
  height?: number
}

const MAX_PARTS = 20
const GAP = 1

/** Calls of the window as small bars, the failed ones in the colour of trouble. */
export function Sparkline({ parts, width = 104, height = 24 }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const scheme = useComputedColorScheme()
  useEffect(() => {
    if (canvas.current)
      draw(canvas.current, parts, coloursOf(canvas.current, scheme), width, height)
  }, [parts, width, height, scheme])
  return <canvas ref={canvas} className={classes.spark} style={{ width, height }} aria-hidden />
}

interface Colours {
  calls: string
  failures: string
}

// Asking for a style makes the browser lay the page out; once a colour scheme is enough.
const known = new Map<string, Colours>()

function coloursOf(canvas: HTMLCanvasElement, scheme: string): Colours {
  const found = known.get(scheme)
  if (found) return found
  // `fill` and `stroke` mean nothing on a canvas: they carry the theme's colours, resolved.
  const { fill, stroke } = getComputedStyle(canvas)
  const colours = { calls: fill, failures: stroke }
  known.set(scheme, colours)
  return colours
}

function draw(
  canvas: HTMLCanvasElement,
  parts: Props["parts"],
  colours: Colours,
  width: number,
  height: number,
): void {
  const ratio = window.devicePixelRatio || 1
  // Setting the size also wipes what was drawn.
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  const most = parts.reduce((highest, [calls]) => Math.max(highest, calls), 0)
  const context = most === 0 ? null : canvas.getContext("2d")
  if (context === null) return
  context.scale(ratio, ratio)
  const step = width / Math.max(parts.length, MAX_PARTS)
  parts.forEach(([calls, failures], index) => {
    if (calls === 0) return
    const x = width - (parts.length - index) * step
    const tall = Math.max(1.5, (calls / most) * height)
    const failed = failures === 0 ? 0 : Math.max(1.5, (failures / calls) * tall)
    context.fillStyle = colours.calls
    context.fillRect(x, height - tall, step - GAP, tall - failed)
    context.fillStyle = colours.failures
    context.fillRect(x, height - failed, step - GAP, failed)
  })
}
