import type { Bound } from "../../api/bounds"
import { count } from "../../lib/format"
import type { Field } from "./fields"

/** A value of an agent's document. */
export type Value = string | number | boolean | null | readonly string[]

/** What a field reads as: its value, or why it is none. */
export type Read = { value: Value | undefined } | { error: string }

const SCALE = 100

/** A number as it stands in its field: rates as percent. */
export function textOf(field: Field, value: Value): string {
  if (typeof value === "number" && field.unit === "%") {
    return String(Number((value * SCALE).toPrecision(12)))
  }
  return String(value)
}

/**
 * What a field's text means, or what it should have been.
 *
 * @param text empty: the default; null: switched off.
 */
export function read(field: Field, text: string | null): Read {
  const { bound } = field
  if (text === null) return bound.nullable ? { value: null } : { error: allowed(field) }
  const trimmed = text.trim()
  if (trimmed === "") return { value: undefined }
  if (bound.kind === "switch") return { value: trimmed === "true" }
  if (bound.kind === "integer" || bound.kind === "number") return number(field, trimmed)
  const fits =
    (bound.maxLength === undefined || [...trimmed].length <= bound.maxLength) &&
    (bound.pattern === undefined || new RegExp(bound.pattern, "u").test(trimmed)) &&
    (bound.choices === undefined || bound.choices.includes(trimmed))
  return fits ? { value: trimmed } : { error: allowed(field) }
}

function number(field: Field, text: string): Read {
  const { bound, unit } = field
  const shown = Number(text)
  // Number() knows "0x10" and "Infinity"; the server does not.
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) || !Number.isFinite(shown)) {
    return { error: allowed(field) }
  }
  const value = unit === "%" ? Number((shown / SCALE).toPrecision(15)) : shown
  const fits =
    (bound.kind !== "integer" || Number.isInteger(value)) &&
    (bound.minimum === undefined || value >= bound.minimum) &&
    (bound.exclusiveMinimum === undefined || value > bound.exclusiveMinimum) &&
    (bound.maximum === undefined || value <= bound.maximum)
  return fits ? { value } : { error: allowed(field) }
}

/** What a field takes, in words. */
export function allowed({ bound, unit, path }: Field): string {
  if (bound.kind === "choice") return `One of ${bound.choices?.join(", ")}`
  if (bound.kind === "text") return textAllowed(bound, path)
  const noun = bound.kind === "integer" ? "A whole number" : "A number"
  const low =
    bound.exclusiveMinimum === undefined
      ? `from ${figure(bound.minimum, unit)}`
      : `above ${figure(bound.exclusiveMinimum, unit)}`
  return `${noun} ${low} to ${figure(bound.maximum, unit)}`
}

function figure(value: number | undefined, unit: Field["unit"]): string {
  const shown = (value ?? 0) * (unit === "%" ? SCALE : 1)
  return Number.isInteger(shown) ? count(shown) : String(shown)
}

function textAllowed(bound: Bound, path: string): string {
  if (path === "url") return "An address like https://host:port/path, without user and fragment"
  if (path === "name")
    return `Up to ${bound.maxLength} ${bound.description}; a letter or digit at both ends`
  if (path === "protocol") return "A lower-case name of a protocol, e.g. http or a2a"
  return `At most ${count(bound.maxLength ?? 0)} characters`
}

/** What the server says of a setting, as help under its field. */
export function helpOf({ bound }: Field): string {
  const text = bound.description.replace(/;? ?null: .*$/, "").replace(/^true: /, "")
  return text.charAt(0).toUpperCase() + text.slice(1)
}
