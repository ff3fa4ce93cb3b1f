import { duration, percent } from "../../lib/format"
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

/** The name of a setting in words. */
export function nameOf(field: string): string {
  const words = field.replace(/_seconds$/, "").replaceAll("_", " ")
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** The value of a setting with its unit. */
export function settingText(field: string, value: unknown): string {
  if (value === null || value === undefined) return "off"
  if (typeof value === "boolean") return value ? "yes" : "no"
  if (typeof value === "number") {
    if (field.endsWith("_seconds")) return duration(value)
    if (field.endsWith("rate_threshold")) return percent(value)
    return String(value)
  }
  if (typeof value === "string") return value === "" ? "empty" : value
  return JSON.stringify(value)
}
