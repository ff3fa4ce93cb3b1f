import type { CircuitBreakerConfig } from "../types/agent"
import { counted, duration, percent } from "./format"

/** What the settings of a breaker mean. */
export interface Meaning {
  /** When it opens and how it comes back, in one sentence. */
  main: string
  /** What else they do, a sentence each. */
  further: string[]
}

/** The settings in plain words. */
export function meaningOf(config: CircuitBreakerConfig): Meaning {
  if (!config.enabled) {
    return {
      main: "The breaker is off: every call is admitted, and outcomes are still recorded.",
      further: atOnce(config),
    }
  }
  return {
    main: `${opens(config)}; ${triesAgain(config)}.`,
    further: [
      "While it tries: all of these calls succeed and it closes, one fails and it opens again.",
      ...adaptive(config),
      ...waits(config),
      ...recovery(config),
      `A call that tries is cut off after ${duration(config.probe_lease_seconds)}.`,
      ...atOnce(config),
      UNAVAILABLE[config.when_unavailable],
    ],
  }
}

const UNAVAILABLE: Record<CircuitBreakerConfig["when_unavailable"], string> = {
  local: "While Redis is away, each worker decides by what it sees itself.",
  last_known: "While Redis is away, the last known state stays in force.",
  reject: "While Redis is away, every call is refused.",
}

function opens(config: CircuitBreakerConfig): string {
  const tests = [...streak(config), ...rates(config)]
  if (tests.length === 0) return "Never opens by itself, only by an operator"
  return `Opens ${tests.join(", or ")}${quorum(config)}`
}

function streak({ failure_threshold: limit }: CircuitBreakerConfig): string[] {
  if (limit === null) return []
  return [limit === 1 ? "after a single failure" : `after ${counted(limit, "failure")} in a row`]
}

function rates(config: CircuitBreakerConfig): string[] {
  const tests: string[] = []
  if (config.failure_rate_threshold !== null) {
    tests.push(`${share(config.failure_rate_threshold)} %% fail`)
  }
  if (config.slow_call_seconds !== null) {
    const slow = duration(config.slow_call_seconds)
    tests.push(`${share(config.slow_call_rate_threshold)} %% take ${slow} or longer`)
  }
  const least =
    config.minimum_calls === 1 ? "the calls" : `at least ${counted(config.minimum_calls, "call")}`
  const calls = `of ${least} in ${duration(config.window_size_seconds)}`
  const [first, ...others] = tests
  if (first === undefined) return []
  // The calls are named once: what stands after "or" speaks of the same ones.
  const rest = others.map((one) => one.replace(" %%", ""))
  return [`when ${[first.replace("%%", calls), ...rest].join(" or ")}`]
}

const SHARES: [number, string][] = [
  [1, "all"],
  [0.75, "three quarters"],
  [0.5, "half"],
  [0.25, "a quarter"],
]

function share(value: number): string {
  const word = SHARES.find(([one]) => one === value)?.[1]
  if (word !== undefined) return word
  const rounded = Number((value * 100).toPrecision(3))
  return value < 0.01 || !Number.isInteger(rounded) ? `${rounded}\u00a0%` : percent(value)
}

function quorum({ minimum_workers: workers }: CircuitBreakerConfig): string {
  return workers === 1 ? "" : `, once at least ${counted(workers, "worker")} have seen trouble`
}

function triesAgain(config: CircuitBreakerConfig): string {
  const calls = counted(config.half_open_max_calls, "call")
  return `tries again after ${wait(config.timeout_seconds)} with ${calls}`
}

// "60 s" is what stands in the field; "1 min" would be another figure for the same.
function wait(seconds: number): string {
  return seconds === 60 ? "60\u00a0s" : duration(seconds)
}

function waits(config: CircuitBreakerConfig): string[] {
  const { timeout_seconds: base, timeout_multiplier: factor, timeout_max_seconds: cap } = config
  if (cap <= base)
    return ["The wait never gets longer, also if the agent asks for it (Retry-After)."]
  const upTo = `up to ${duration(cap)}`
  if (factor === 1) return [`The wait is longer if the agent asks for it (Retry-After), ${upTo}.`]
  const times = `${factor}\u00a0times as long`
  return [
    `Each time it opens again in a row the wait is ${times}, or as long as the agent asks for (Retry-After), ${upTo}.`,
  ]
}

function adaptive(config: CircuitBreakerConfig): string[] {
  if (!config.adaptive) return []
  const { adaptive_floor: floor, failure_rate_threshold: ceiling } = config
  const rate =
    ceiling === null
      ? ""
      : `, and opens when the failure rate of the window is, beyond chance, ${exact(config.adaptive_margin)} above it (threshold from ${exact(Math.min(floor, ceiling))} to ${exact(ceiling)})`
  return [
    `It learns which failure rate is usual for the agent at each hour of the day${rate}. Until enough calls are known, the thresholds above hold as they are.`,
  ]
}

function exact(value: number): string {
  return `${Number((value * 100).toPrecision(6))}\u00a0%`
}

function recovery({ recovery_seconds: seconds }: CircuitBreakerConfig): string[] {
  if (seconds === null) return []
  return [
    `After successful tries the share of calls let through grows from 10\u00a0% to all over ${duration(seconds)}.`,
  ]
}

function atOnce({ max_concurrent_calls: cap }: CircuitBreakerConfig): string[] {
  if (cap === null) return []
  return [
    `Each process makes at most ${counted(cap, "call")} at a time; those above are refused and count for nothing.`,
  ]
}
