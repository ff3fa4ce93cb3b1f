import type { CircuitSummary } from "../api/models"
import { unbroken } from "./format"
import { LOOKS, shownOf } from "./shown"

/** The circuit that a sentence is about, and the sentence. */
interface Told {
  circuit: Pick<CircuitSummary, "state" | "mode">
  why: string
}

/**
 * The sentence that says why a circuit is as it is; undefined: it has not come yet. While the
 * connection is lost it cannot be asked for anew: one about another state says nothing of this one.
 */
export function whyOf(
  row: CircuitSummary,
  told: Told | undefined,
  isOld: boolean,
): string | undefined {
  if (row.problem !== null) return row.problem
  if (told === undefined) return undefined
  const isOfNow = told.circuit.state === row.state && told.circuit.mode === row.mode
  return isOld && !isOfNow ? LOOKS[shownOf(row)].meaning : unbroken(told.why)
}
