import { duration, percent } from "../../lib/format"
import { BREAKER, BY_PATH } from "../agents/fields"
import { Facts } from "./Facts"

/** All settings, each in a line. */
export function Settings({ settings }: { settings: Record<string, unknown> }) {
  return (
    <Facts
      rows={Object.entries(settings).map(([name, value]) => [
        nameOf(name),
        settingText(name, value),
      ])}
    />
  )
}

/** The name of a setting in words, as the form has it. */
export function nameOf(field: string): string {
  const known = BY_PATH.get(`${BREAKER}.${field}`) ?? BY_PATH.get(field)
  if (known !== undefined) return known.label
  const words = field.replace(/_seconds$/, "").replaceAll("_", " ")
  return words.charAt(0).toUpperCase() + words.slice(1)
}

// Of these, null is no rule that is off.
const IS_TEXT = new Set(["url", "protocol", "description", "tags", "headers"])

/** The value of a setting with its unit. */
export function settingText(field: string, value: unknown): string {
  if (value === undefined) return "none"
  if (value === null) return IS_TEXT.has(field) ? "none" : "off"
  if (typeof value === "boolean") return value ? "yes" : "no"
  if (typeof value === "number") {
    if (field.endsWith("_seconds")) return duration(value)
    if (field.endsWith("rate_threshold")) return percent(value)
    return String(value)
  }
  if (typeof value === "string") return value === "" ? "empty" : value
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ")
  if (typeof value === "object" && value !== null) {
    const parts = Object.entries(value).map(([name, one]) => `${name} ${settingText(name, one)}`)
    return parts.length === 0 ? "none" : parts.join(", ")
  }
  return JSON.stringify(value)
}
