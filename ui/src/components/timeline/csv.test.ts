import { describe, expect, it } from "vitest"
import { COLUMNS, csvField, toCsv } from "./csv"

describe("CSV", () => {
  it("quotes what has commas, quotes or line breaks", () => {
    expect(csvField('a "b", c')).toBe('"a ""b"", c"')
    expect(csvField("two\nlines")).toBe('"two\nlines"')
    expect(csvField(null)).toBe("")
    expect(csvField(-3)).toBe("-3")
  })

  it("lets no text become a formula of a spreadsheet", () => {
    expect(csvField("=HYPERLINK(1)")).toBe("'=HYPERLINK(1)")
    expect(csvField("@now")).toBe("'@now")
  })

  it("has a head and a row for each item", () => {
    const text = toCsv([
      { id: "1-0", at: "2026-11-24T20:56:25.736+00:00", at_ms: 1, kind: "failure", worker: "w,1" },
    ])
    const [head, row, end] = text.split("\r\n")
    expect(head).toBe(COLUMNS.join(","))
    expect(row?.startsWith("2026-11-24T20:56:25.736+00:00,failure,1-0,")).toBe(true)
    expect(row).toContain('"w,1"')
    expect(end).toBe("")
  })
})
