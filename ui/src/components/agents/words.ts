import { bytes, duration, percent } from "../../lib/format"
import type { Value } from "./check"
import { BY_PATH, breakerName, type Field, LISTS, type ListName } from "./fields"
import { HEADERS } from "./flat"

/** What a setting is called. */
export function labelOf(path: string): string {
  if (path.startsWith(HEADERS)) return `Header ${path.slice(HEADERS.length)}`
  if (path in LISTS) return LISTS[path as ListName].label
  return BY_PATH.get(path)?.label ?? path
}

/** What a setting is at where nobody chose: of the breaker's, what the server says. */
export function defaultOf(path: string, defaults: object): Value | undefined {
  const name = breakerName(path)
  if (name !== null) return (defaults as Record<string, Value | undefined>)[name]
  return BY_PATH.get(path)?.bound.default
}

/** A setting's value in words; undefined: its default. */
export function valueInWords(path: string, value: Value | undefined, defaults: object): string {
  if (value !== undefined) return inWords(path, value)
  if (path.startsWith(HEADERS)) return "not sent"
  const usual = defaultOf(path, defaults)
  if (usual === undefined) return path in LISTS && path !== "tags" ? "default" : "none"
  return `default (${inWords(path, usual)})`
}

function inWords(path: string, value: Value): string {
  if (value === null) return "off"
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ")
  // A secret that was just typed need not stand on the page a second time.
  if (path.startsWith(HEADERS))
    return hidden(String(value)) ? "a value that is not shown" : String(value)
  const field = BY_PATH.get(path)
  if (typeof value === "boolean") return field?.choices?.[String(value)] ?? (value ? "on" : "off")
  if (typeof value === "number") return numberInWords(field, value)
  return field?.choices?.[String(value)] ?? String(value)
}

function hidden(value: string): boolean {
  return !value.includes("${") && !value.includes("***")
}

/** A figure with its unit. */
export function numberInWords(field: Field | undefined, value: number): string {
  switch (field?.unit) {
    case "s":
      return duration(value)
    case "%": {
      const shown = Number((value * 100).toPrecision(12))
      return Number.isInteger(shown) ? percent(value) : `${shown}\u00a0%`
    }
    case "bytes":
      return bytes(value)
    case "days":
      return `${value.toLocaleString("en-GB")}\u00a0${value === 1 ? "day" : "days"}`
    default:
      return value.toLocaleString("en-GB")
  }
}
