import { expect, it } from "vitest"
import type { AlertRule } from "../../api/models"
import { conditionText, KINDS } from "./conditions"
import { draftOf, emptyDraft, ruleOf, withKind } from "./draft"
import { covers } from "./scope"

const rule: AlertRule = {
  name: "payments-open",
  when: { kind: "open_longer", for_seconds: 300 },
  agents: ["pay-*"],
  tags: ["eu"],
  severity: "critical",
  channels: ["ops"],
  quiet_hours: [
    { start: "22:00", end: "07:00", time_zone: "Europe/Berlin", days: ["sat"] },
    { start: "12:00", end: "13:00", time_zone: "UTC", days: [] },
  ],
  group_seconds: 5,
  cooldown_seconds: 60,
  notify_resolved: false,
  enabled: true,
  description: "call the bank",
}

it("saves what it read, also what the form does not show", () => {
  expect(ruleOf(draftOf(rule), rule)).toEqual(rule)
})

it("sends numbers for what was typed, and drops quiet hours that were turned off", () => {
  const draft = {
    ...draftOf(rule),
    figures: { for_seconds: "90" },
    cooldown: "",
    quiet: false,
    name: " x ",
  }
  const made = ruleOf(draft, rule)
  expect(made.when).toEqual({ kind: "open_longer", for_seconds: 90 })
  expect([made.cooldown_seconds, made.quiet_hours, made.name]).toEqual([0, [], "x"])
})

it("begins a condition at the server's defaults, and has words for each", () => {
  for (const kind of KINDS) {
    const { when } = ruleOf(withKind(emptyDraft(), kind))
    expect(when.kind).toBe(kind)
    expect(conditionText(when)).not.toMatch(/undefined|NaN/)
  }
  expect(withKind(emptyDraft(), "flapping").figures).toEqual({ times: 3, within_seconds: 600 })
})

it("knows which rules are about an agent", () => {
  const stored = { rule, revision: 1, created_ms: 1, updated_ms: 1, updated_by: "ann" }
  expect(covers(stored, "pay-1", ["eu"])).toBe(true)
  expect(covers(stored, "pay-1", ["us"])).toBe(false)
  expect(covers(stored, "mail", ["eu"])).toBe(false)
  const system = { ...stored, rule: { ...rule, when: { kind: "redis_lost" } as const } }
  expect(covers(system, "pay-1", ["eu"])).toBe(false)
  const dotted = { ...stored, rule: { ...rule, agents: ["a.b?"], tags: [] } }
  expect([covers(dotted, "a.bc", []), covers(dotted, "axbc", [])]).toEqual([true, false])
})
