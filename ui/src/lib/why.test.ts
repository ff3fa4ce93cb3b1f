import { expect, it } from "vitest"
import type { CircuitSummary } from "../api/models"
import { whyOf } from "./why"

const CLOSED = { state: "closed", mode: "auto", problem: null, thresholds: null }
const row = CLOSED as unknown as CircuitSummary
const told = { circuit: { state: "open", mode: "auto" } as const, why: "open for 5 s" }

it("takes the sentence that came, also while the next one is asked for", () => {
  expect(whyOf({ ...row, state: "open" }, told, false)).toBe("open for 5\u00a0s")
  expect(whyOf(row, told, false)).toBe("open for 5\u00a0s")
  expect(whyOf(row, undefined, false)).toBeUndefined()
})

it("says what a state means where the sentence is of another and no new one can come", () => {
  expect(whyOf(row, told, true)).toBe("Calls are admitted")
  expect(whyOf({ ...row, state: "open" }, told, true)).toBe("open for 5\u00a0s")
})

it("says first what is wrong with a record", () => {
  expect(whyOf({ ...row, problem: "it is cut off" }, told, false)).toBe("it is cut off")
})
