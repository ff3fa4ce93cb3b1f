import {
  type Bound,
  CLOCK_TROUBLE_BOUNDS,
  FAILURE_RATE_BOUNDS,
  FLAPPING_BOUNDS,
  NO_TRAFFIC_BOUNDS,
  OPEN_LONGER_BOUNDS,
  OVERRIDE_LONGER_BOUNDS,
  PROJECTOR_LAG_BOUNDS,
  PROJECTOR_STALLED_BOUNDS,
  REDIS_LOST_BOUNDS,
  SPOOL_HOLDS_BOUNDS,
} from "../../api/bounds"
import type { AlertRule } from "../../api/models"
import { bytes, duration, percent } from "../../lib/format"

export type When = AlertRule["when"]
export type Kind = When["kind"]

export interface Condition {
  label: string
  /** Whether it is about an agent, so that a scope makes sense. */
  ofAgents: boolean
  bounds: Record<string, Bound>
}

/** What a rule may wait for, with the bounds that the server has. */
export const CONDITIONS: Record<Kind, Condition> = {
  opened: { label: "A circuit opens", ofAgents: true, bounds: {} },
  open_longer: { label: "A circuit stays open", ofAgents: true, bounds: OPEN_LONGER_BOUNDS },
  flapping: { label: "A circuit opens again and again", ofAgents: true, bounds: FLAPPING_BOUNDS },
  failure_rate: {
    label: "Calls fail, but the circuit stays closed",
    ofAgents: true,
    bounds: FAILURE_RATE_BOUNDS,
  },
  override_longer: {
    label: "An override is forgotten",
    ofAgents: true,
    bounds: OVERRIDE_LONGER_BOUNDS,
  },
  no_traffic: { label: "Nobody calls an agent", ofAgents: true, bounds: NO_TRAFFIC_BOUNDS },
  projector_lag: { label: "The projector lags", ofAgents: false, bounds: PROJECTOR_LAG_BOUNDS },
  projector_stalled: {
    label: "A shard has no projector",
    ofAgents: false,
    bounds: PROJECTOR_STALLED_BOUNDS,
  },
  redis_lost: { label: "Redis is lost", ofAgents: false, bounds: REDIS_LOST_BOUNDS },
  spool: { label: "A spool grows", ofAgents: false, bounds: SPOOL_HOLDS_BOUNDS },
  clock: { label: "A clock is wrong", ofAgents: false, bounds: CLOCK_TROUBLE_BOUNDS },
}

export const KINDS = Object.keys(CONDITIONS) as Kind[]

const FIELDS: Record<string, string> = {
  for_seconds: "For this long (seconds)",
  within_seconds: "Within (seconds)",
  above_seconds: "At least (seconds)",
  above_bytes: "At least (bytes)",
  times: "This often",
  rate: "Share of failures (0 to 1)",
  minimum_calls: "In at least so many calls",
}

/** The label of a field of a condition. */
export function fieldLabel(field: string): string {
  return FIELDS[field] ?? field
}

/** The fields of a condition that take numbers, in the order of the form. */
export function fieldsOf(kind: Kind): [string, Bound][] {
  return Object.entries(CONDITIONS[kind].bounds).filter(
    ([, { kind: type }]) => type === "number" || type === "integer",
  )
}

/** A condition with the server's defaults. */
export function defaultsOf(kind: Kind): Record<string, number> {
  return Object.fromEntries(fieldsOf(kind).map(([name, bound]) => [name, Number(bound.default)]))
}

/** A condition in a few words. */
export function conditionText(when: When): string {
  const seconds = (value: number | undefined) => duration(value ?? 0)
  switch (when.kind) {
    case "opened":
      return "opens"
    case "open_longer":
      return `not closed for ${seconds(when.for_seconds)}`
    case "flapping":
      return `opens ${when.times} times in ${seconds(when.within_seconds)}`
    case "failure_rate":
      return `${percent(when.rate ?? 0)} of ${when.minimum_calls} calls or more fail`
    case "override_longer":
      return `overridden for ${seconds(when.for_seconds)}`
    case "no_traffic":
      return `no call for ${seconds(when.for_seconds)}`
    case "projector_lag":
      return `events wait ${seconds(when.above_seconds)}`
    case "projector_stalled":
      return `no projector for ${seconds(when.for_seconds)}`
    case "redis_lost":
      return `Redis is away for ${seconds(when.for_seconds)}`
    case "spool":
      return `a spool holds ${bytes(when.above_bytes ?? 0)} for ${seconds(when.for_seconds)}`
    case "clock":
      return `a clock is ${seconds(when.above_seconds)} off`
  }
}
