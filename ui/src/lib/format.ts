// Between a number and its unit stands a space that does not break.
const NBSP = "\u00a0"
const LOCALE = "en-GB"

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 })
const precise = new Intl.NumberFormat(LOCALE, { maximumSignificantDigits: 3 })

/** A count with separators: 12,345. */
export function count(value: number): string {
  return whole.format(value)
}

/** A count with its noun: "1 call", "3 calls". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)}${NBSP}${value === 1 ? one : many}`
}

/** A share of 0 to 1: "40 %", "0.4 %". */
export function percent(share: number): string {
  const value = share * 100
  const digits = value > 0 && value < 1 ? 1 : 0
  return `${value.toFixed(digits)}${NBSP}%`
}

/** Calls a second: "0", "0.4", "12", "1,200". */
export function perSecond(value: number): string {
  if (value === 0) return "0"
  return value >= 10 ? whole.format(value) : value.toFixed(value < 1 ? 2 : 1)
}

/** How long something takes, of seconds: "250 ms", "2.5 s", "2 min 5 s", "1 h 3 min", "2 d 4 h". */
export function duration(seconds: number): string {
  const ms = Math.max(0, seconds * SECOND)
  if (ms === 0) return `0${NBSP}s`
  if (ms < SECOND) return `${precise.format(ms)}${NBSP}ms`
  if (ms < 10 * SECOND) return `${precise.format(ms / SECOND)}${NBSP}s`
  if (ms < MINUTE) return `${Math.round(ms / SECOND)}${NBSP}s`
  const rounded = Math.round(ms / SECOND) * SECOND
  if (rounded < HOUR) return two(rounded, MINUTE, "min", SECOND, "s")
  if (rounded < DAY) return two(rounded, HOUR, "h", MINUTE, "min")
  return two(rounded, DAY, "d", HOUR, "h")
}

function two(ms: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const first = Math.floor(ms / big)
  const second = Math.floor((ms - first * big) / small)
  const head = `${first}${NBSP}${bigUnit}`
  return second === 0 ? head : `${head} ${second}${NBSP}${smallUnit}`
}

/** Time left, in whole seconds, so that it counts down evenly: "0:38", "2:05", "1:02:05". */
export function countdown(leftMs: number): string {
  const seconds = Math.max(0, Math.ceil(leftMs / SECOND))
  const hours = Math.floor(seconds / 3_600)
  const minutes = Math.floor((seconds % 3_600) / 60)
  const rest = String(seconds % 60).padStart(2, "0")
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`
}

/** When something was, or will be, seen from `nowMs`: "12 s ago", "in 5 min", "just now". */
export function relativeTime(atMs: number, nowMs: number): string {
  const away = Math.abs(nowMs - atMs)
  if (away < 2 * SECOND) return "just now"
  const text = oneUnit(away)
  return atMs > nowMs ? `in ${text}` : `${text} ago`
}

function oneUnit(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}${NBSP}s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}${NBSP}min`
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)}${NBSP}h`
  return `${Math.floor(ms / DAY)}${NBSP}d`
}

const MOMENT = {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
} as const
const local = new Intl.DateTimeFormat(LOCALE, MOMENT)
const utc = new Intl.DateTimeFormat(LOCALE, { ...MOMENT, timeZone: "UTC" })
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" })

const zoned = new Intl.DateTimeFormat(LOCALE, { ...MOMENT, timeZoneName: "short" })
const dayUtc = new Intl.DateTimeFormat(LOCALE, {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
})

/** Local time of day: "14:03". */
export function timeOfDay(atMs: number): string {
  return clock.format(atMs)
}

/** The exact local time with its zone: "24 Nov 2026, 21:45:03 CET". */
export function exactTime(atMs: number): string {
  return zoned.format(atMs)
}

/** The day by UTC: "24 Nov 2026". */
export function utcDay(atMs: number): string {
  return dayUtc.format(atMs)
}

/** A text of the API, with what must not break: "open for 5 s". */
export function unbroken(text: string): string {
  return text.replace(/(\d) (ms|s|min|h|d|%)(?![\w%])/g, `$1${NBSP}$2`)
}

/** The exact local time and UTC, for a title. */
export function exactBoth(atMs: number): string {
  return `${local.format(atMs)} local time\n${utc.format(atMs)} UTC`
}

/** Ms since 1970 of a time that the API wrote; null if there is none. */
export function millisOf(text: string | null | undefined): number | null {
  if (!text) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** Bytes: "10 MiB", "512 B". */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB"]
  let rest = value
  let unit = 0
  while (rest >= 1_024 && unit < units.length - 1) {
    rest /= 1_024
    unit += 1
  }
  return `${precise.format(rest)}${NBSP}${units[unit]}`
}
