// @vitest-environment node
import { describe, expect, it } from "vitest"
import {
  bytes,
  count,
  countdown,
  counted,
  duration,
  exactBoth,
  exactTime,
  millisOf,
  percent,
  perSecond,
  relativeTime,
  unbroken,
  utcDay,
} from "./format"

const plain = (text: string) => text.replaceAll("\u00a0", " ")

describe("durations", () => {
  it.each([
    [0, "0 s"],
    [0.25, "250 ms"],
    [2.5, "2.5 s"],
    [38, "38 s"],
    [59.7, "60 s"],
    [60, "1 min"],
    [125, "2 min 5 s"],
    [3_600, "1 h"],
    [3_780, "1 h 3 min"],
    [187_200, "2 d 4 h"],
  ])("of %s s are %s", (seconds, text) => {
    expect(plain(duration(seconds))).toBe(text)
  })
})

describe("a countdown", () => {
  it.each([
    [-5, "0:00"],
    [0, "0:00"],
    [1, "0:01"],
    [37_001, "0:38"],
    [125_000, "2:05"],
    [3_725_000, "1:02:05"],
  ])("of %s ms is %s", (ms, text) => {
    expect(countdown(ms)).toBe(text)
  })
})

describe("relative times", () => {
  const now = Date.UTC(2026, 10, 24, 12)
  it.each([
    [0, "just now"],
    [1_999, "just now"],
    [12_000, "12 s ago"],
    [119_000, "1 min ago"],
    [7_200_000, "2 h ago"],
    [90_000_000, "25 h ago"],
    [259_200_000, "3 d ago"],
    [-300_000, "in 5 min"],
  ])("of %s ms before now are %s", (before, text) => {
    expect(plain(relativeTime(now - before, now))).toBe(text)
  })

  it("stand beside the exact UTC time", () => {
    expect(exactTime(Date.UTC(2026, 10, 24, 20, 45, 3))).toMatch(
      /^2[45] Nov 2026, \d\d:\d\d:03 (UTC|GMT|[A-Z]{3,4}|GMT[+-])/,
    )
    expect(utcDay(Date.UTC(2026, 10, 24, 23, 59))).toBe("24 Nov 2026")
    expect(exactBoth(Date.UTC(2026, 10, 24, 20, 45, 3))).toContain("24 Nov 2026, 20:45:03 UTC")
  })
})

describe("figures", () => {
  it("of shares keep a digit where they would be nothing", () => {
    expect(plain(percent(0.4))).toBe("40 %")
    expect(plain(percent(0.004))).toBe("0.4 %")
    expect(plain(percent(0))).toBe("0 %")
    expect(plain(percent(1))).toBe("100 %")
  })

  it("of counts have separators and a noun that fits", () => {
    expect(count(12_345)).toBe("12,345")
    expect(plain(counted(1, "call"))).toBe("1 call")
    expect(plain(counted(3, "call"))).toBe("3 calls")
  })

  it("of rates keep digits while they are small", () => {
    expect(perSecond(0)).toBe("0")
    expect(perSecond(0.4)).toBe("0.40")
    expect(perSecond(3.14)).toBe("3.1")
    expect(perSecond(1_234.5)).toBe("1,235")
  })

  it("of bytes take the unit that fits", () => {
    expect(plain(bytes(512))).toBe("512 B")
    expect(plain(bytes(10_485_760))).toBe("10 MiB")
  })

  it("of times that are not there are null", () => {
    expect(millisOf(null)).toBeNull()
    expect(millisOf("no time")).toBeNull()
    expect(millisOf("1970-01-01T00:00:01+00:00")).toBe(1_000)
  })
})

describe("a text of the API", () => {
  it("keeps figures and their units together", () => {
    expect(unbroken("open for 5 s; 40 % of 30 calls in 2 min 5 s")).toBe(
      "open for 5\u00a0s; 40\u00a0% of 30 calls in 2\u00a0min 5\u00a0s",
    )
    expect(unbroken("2 shards, 3 deliveries")).toBe("2 shards, 3 deliveries")
  })
})
