import type { CircuitSummary } from "../api/models"

/** What a circuit is shown as: an operator's word stands above its own state. */
export type Shown =
  | "open"
  | "half_open"
  | "closed"
  | "forced_open"
  | "forced_closed"
  | "disabled"
  | "unreadable"

export type Tone = "open" | "half_open" | "closed" | "off"

interface Look {
  word: string
  /** What it means for calls. */
  meaning: string
  tone: Tone
  locked: boolean
}

export const LOOKS: Record<Shown, Look> = {
  forced_open: {
    word: "Forced open",
    meaning: "An operator refuses all calls",
    tone: "open",
    locked: true,
  },
  open: { word: "Open", meaning: "Calls are refused", tone: "open", locked: false },
  half_open: {
    word: "Half-open",
    meaning: "A few calls try whether the agent is well again",
    tone: "half_open",
    locked: false,
  },
  forced_closed: {
    word: "Forced closed",
    meaning: "An operator admits all calls, whatever the figures say",
    tone: "closed",
    locked: true,
  },
  closed: { word: "Closed", meaning: "Calls are admitted", tone: "closed", locked: false },
  disabled: {
    word: "Disabled",
    meaning: "The breaker is off; all calls are admitted and counted",
    tone: "off",
    locked: false,
  },
  unreadable: {
    word: "Unreadable",
    meaning: "The circuit's record cannot be read",
    tone: "off",
    locked: false,
  },
}

/** All of them, those in most trouble first. */
export const SHOWN = Object.keys(LOOKS) as Shown[]

type Judged = Pick<CircuitSummary, "mode" | "state" | "problem" | "thresholds">

/** What a circuit is shown as. */
export function shownOf(row: Judged): Shown {
  if (row.problem !== null) return "unreadable"
  if (row.mode !== "auto") return row.mode
  if (row.thresholds?.enabled === false) return "disabled"
  return row.state
}
