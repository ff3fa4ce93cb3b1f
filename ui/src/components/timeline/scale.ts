import type { View } from "./view"

/** Turns times into px and back. */
export interface Scale {
  x: (atMs: number) => number
  at: (x: number) => number
  pxPerMs: number
}

/** The scale of a view over `width` px that begin at `left`. */
export function scaleOf(view: View, width: number, left = 0): Scale {
  const pxPerMs = width / Math.max(1, view.toMs - view.fromMs)
  return {
    x: (atMs) => left + (atMs - view.fromMs) * pxPerMs,
    at: (x) => view.fromMs + (x - left) / pxPerMs,
    pxPerMs,
  }
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [
  100,
  200,
  500,
  ...[1, 2, 5, 10, 15, 30].map((one) => one * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((one) => one * MINUTE),
  ...[1, 2, 3, 6, 12].map((one) => one * HOUR),
  ...[1, 2, 7, 14, 30, 90].map((one) => one * DAY),
]

/** The smallest round step whose ticks stand at least `gapPx` apart. */
export function tickStep(view: View, width: number, gapPx: number): number {
  const least = (view.toMs - view.fromMs) * (gapPx / Math.max(1, width))
  return STEPS.find((step) => step >= least) ?? Math.ceil(least / DAY) * DAY
}

/** Times of ticks, on round local times; `offsetMs` is what local time is ahead of UTC. */
export function ticksOf(view: View, step: number, offsetMs: number): number[] {
  const ticks: number[] = []
  const first = Math.ceil((view.fromMs + offsetMs) / step) * step - offsetMs
  for (let at = first; at <= view.toMs; at += step) ticks.push(at)
  return ticks
}

/** What local time is ahead of UTC at an instant, in ms. */
export function localOffset(atMs: number): number {
  return -new Date(atMs).getTimezoneOffset() * MINUTE
}

const two = (value: number) => String(value).padStart(2, "0")
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" })

/** What stands under a tick: as much of the local time as the step needs. */
export function tickLabel(atMs: number, step: number): string {
  const at = new Date(atMs)
  const minutes = `${two(at.getHours())}:${two(at.getMinutes())}`
  if (step >= DAY) return days.format(at)
  if (step >= MINUTE) return minutes === "00:00" ? days.format(at) : minutes
  if (step >= SECOND) return `${minutes}:${two(at.getSeconds())}`
  return `${two(at.getSeconds())}.${Math.floor(at.getMilliseconds() / 100)}`
}

/** A round number of calls that is not below `most`: 1, 2, 3, 4, 5, 6, 8, 10, 20 ... */
export function niceTop(most: number): number {
  if (most <= 1) return 1
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 2, 3, 4, 5, 6, 8, 10].map((one) => one * power).find((one) => one >= most) ?? most
}
