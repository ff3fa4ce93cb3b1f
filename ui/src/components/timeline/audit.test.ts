import { describe, expect, it } from "vitest"
import type { TimelineItem } from "../../api/models"
import { auditEntries } from "./audit"

const item = (id: string, at_ms: number, rest: Partial<TimelineItem>): TimelineItem => ({
  id,
  at: null,
  at_ms,
  kind: "config",
  ...rest,
})

describe("the audit", () => {
  it("says what each change made of the settings before it, the newest first", () => {
    const entries = auditEntries(
      [
        item("1", 1, {
          config: { failure_threshold: 5, enabled: true },
          details: { url: [null, "http://a"] },
          reason: "new supplier",
          revision: 1,
        }),
        item("2", 2, { kind: "override", mode: "forced_open" }),
        item("3", 3, {
          revision: 2,
          config: { failure_threshold: 3, enabled: true },
          details: { url: ["http://a", "http://b"] },
        }),
      ],
      [],
    )
    expect(entries.map((entry) => entry.item.id)).toEqual(["3", "2", "1"])
    expect(entries[0]?.changes).toEqual([
      { field: "failure_threshold", before: 5, after: 3 },
      { field: "url", before: "http://a", after: "http://b" },
    ])
    expect(entries[0]?.begun).toBeNull()
    expect(entries[2]?.changes).toEqual([])
    expect(entries[2]?.begun).toEqual({ failure_threshold: 5, enabled: true, url: "http://a" })
  })

  it("begins anew after a removal", () => {
    const entries = auditEntries(
      [
        item("1", 1, { config: { failure_threshold: 5 } }),
        item("3", 3, { config: { failure_threshold: 9 }, revision: 7 }),
      ],
      [item("2", 2, { kind: "transition", cause: "removed" })],
    )
    expect(entries[0]?.changes).toEqual([])
    expect(entries[0]?.begun).toEqual({ failure_threshold: 9 })
  })
})
