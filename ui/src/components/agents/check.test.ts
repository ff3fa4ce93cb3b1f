import { describe, expect, it } from "vitest"
import { allowed, read, textOf } from "./check"
import { BREAKER_FIELDS, BY_PATH, CONNECTION_FIELDS, type Field, NAME, URL_FIELD } from "./fields"

const NUMBERS = [...BREAKER_FIELDS, ...CONNECTION_FIELDS].filter(
  ({ bound }) => bound.kind === "integer" || bound.kind === "number",
)
const text = (field: Field, value: number) => textOf(field, value)
const step = ({ bound }: Field, near: number) =>
  bound.kind === "integer" ? 1 : Math.max(Math.abs(near) / 1e6, 1e-6)

describe.each(NUMBERS.map((field) => [field.path, field] as const))("%s", (_, field) => {
  const { minimum, exclusiveMinimum, maximum = Number.NaN } = field.bound
  const low = minimum ?? exclusiveMinimum ?? Number.NaN

  it("takes its bounds and nothing beyond", () => {
    expect(read(field, text(field, maximum))).toEqual({ value: maximum })
    expect(read(field, text(field, maximum + step(field, maximum)))).toEqual({
      error: allowed(field),
    })
    expect(read(field, text(field, low - step(field, low)))).toEqual({ error: allowed(field) })
    const atLow = read(field, text(field, low))
    expect(atLow).toEqual(minimum === undefined ? { error: allowed(field) } : { value: low })
  })

  it("takes an empty field as the default, and off only where there is an off", () => {
    expect(read(field, " ")).toEqual({ value: undefined })
    expect("error" in read(field, null)).toBe(!field.bound.nullable)
  })

  it.each(["x", "1e999", "0x10", "Infinity", "NaN", "1 000", "5s"])("refuses %s", (word) => {
    expect(read(field, word)).toEqual({ error: allowed(field) })
  })
})

const field = (path: string) => BY_PATH.get(`circuit_breaker_config.${path}`) as Field

it("refuses parts of whole numbers", () => {
  expect(read(field("failure_threshold"), "2.5")).toEqual({
    error: "A whole number from 1 to 1,000,000",
  })
})

it("reads rates as percent, without crumbs", () => {
  const rate = field("failure_rate_threshold")
  for (const value of [0.07, 0.14, 0.28, 0.29, 0.55, 0.57, 0.58, 1, 0.0001]) {
    expect(read(rate, textOf(rate, value))).toEqual({ value })
  }
  expect(textOf(rate, 0.29)).toBe("29")
  expect(read(rate, "0")).toEqual({ error: "A number above 0 to 100" })
})

it.each([
  ["billing-agent", true],
  ["a", true],
  ["Billing", false],
  ["-billing", false],
  ["billing agent", false],
  ["a".repeat(101), false],
])("takes the name %s: %s", (name, fits) => {
  expect("value" in read(NAME, name)).toBe(fits)
})

it.each([
  ["https://billing.example.com/agent", true],
  ["http://[::1]:8080", true],
  ["ftp://example.com", false],
  ["https://user@example.com", false],
  ["https://example.com/#part", false],
])("takes the address %s: %s", (url, fits) => {
  expect("value" in read(URL_FIELD, url)).toBe(fits)
})
