import type { ModeName } from "../../api/models"

/** What an operator can do to a circuit. */
export type Action = "force_open" | "force_closed" | "auto" | "reset"

interface Doing {
  /** In the menu. */
  label: string
  /** Over the dialog, of the agent. */
  title: (agent: string) => string
  /** What it does, in words. */
  effect: string
  /** On the button that does it. */
  button: string
  /** What is told once it is done. */
  done: (agent: string) => string
  mode: ModeName
  reset: boolean
  /** Whether it ends by itself after a time. */
  expires: boolean
  color: string
}

export const ACTIONS: Record<Action, Doing> = {
  force_open: {
    label: "Force open",
    title: (agent) => `Force ${agent} open`,
    effect:
      "Every call is refused at once, by all workers, whatever the figures say. Nothing reaches the agent.",
    button: "Force open",
    done: (agent) => `${agent} is forced open: all calls are refused`,
    mode: "forced_open",
    reset: false,
    expires: true,
    color: "red.9",
  },
  force_closed: {
    label: "Force closed",
    title: (agent) => `Force ${agent} closed`,
    effect:
      "Every call is let through, by all workers, even if all of them fail. The breaker protects nobody meanwhile.",
    button: "Force closed",
    done: (agent) => `${agent} is forced closed: all calls are let through`,
    mode: "forced_closed",
    reset: false,
    expires: true,
    color: "red.9",
  },
  auto: {
    label: "Back to auto",
    title: (agent) => `Hand ${agent} back to its breaker`,
    effect: "The breaker decides again, from the state that the figures have led to meanwhile.",
    button: "Back to auto",
    done: (agent) => `${agent} is back in the hands of its breaker`,
    mode: "auto",
    reset: false,
    expires: false,
    color: "indigo",
  },
  reset: {
    label: "Reset",
    title: (agent) => `Reset ${agent}`,
    effect:
      "The circuit closes now and its window is emptied: calls are let through, and counting begins anew. An override ends.",
    button: "Reset",
    done: (agent) => `${agent} is closed, with an empty window`,
    mode: "auto",
    reset: true,
    expires: false,
    color: "indigo",
  },
}

export const ORDER = Object.keys(ACTIONS) as Action[]

/** For how long an override stands. */
export const SPANS = [
  { value: "600", label: "10 min" },
  { value: "3600", label: "1 h" },
  { value: "", label: "Until changed" },
]
