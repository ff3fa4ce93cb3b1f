import type { Value } from "./check"
import { type Change, changesOf, type Flat, same } from "./flat"

export type Side = "mine" | "theirs"

/** One setting that somebody else has changed while one changed it, or another. */
export interface Difference {
  path: string
  base: Value | undefined
  mine: Value | undefined
  theirs: Value | undefined
  /** Both changed it, and not to the same. */
  clash: boolean
}

/** What differs between what I want and what is there now. */
export function differencesOf(base: Flat, mine: Flat, theirs: Flat): Difference[] {
  return changesOf(theirs, mine).map(({ path }: Change) => ({
    path,
    base: base[path],
    mine: mine[path],
    theirs: theirs[path],
    clash: !same(base[path], mine[path]) && !same(base[path], theirs[path]),
  }))
}

/** Whose value is taken if nobody says otherwise: mine where I changed it, else theirs. */
export function usualSide({ base, mine }: Difference): Side {
  return same(base, mine) ? "theirs" : "mine"
}

/** What is there now with my values where I want them. */
export function merged(
  theirs: Flat,
  differences: readonly Difference[],
  sides: Readonly<Record<string, Side>>,
): Flat {
  const result: Record<string, Value> = { ...theirs }
  for (const difference of differences) {
    if ((sides[difference.path] ?? usualSide(difference)) === "theirs") continue
    if (difference.mine === undefined) delete result[difference.path]
    else result[difference.path] = difference.mine
  }
  return result
}
