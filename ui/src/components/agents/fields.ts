import {
  AGENT_CREATE_BOUNDS,
  type Bound,
  BREAKER_SETTINGS_BOUNDS,
  RETENTION_SETTINGS_BOUNDS,
  RETRY_SETTINGS_BOUNDS,
} from "../../api/bounds"

/** What stands behind the number in a field. */
export type Unit =
  | "s"
  | "days"
  | "entries"
  | "%"
  | "calls"
  | "failures"
  | "workers"
  | "times"
  | "×"
  | "bytes"

/** One setting of an agent that is a single value. */
export interface Field {
  /** Its path in an agent's document. */
  path: string
  label: string
  bound: Bound
  unit?: Unit
  /** What stands in grey where nothing is set and there is no default to show. */
  unset?: string
  /** What the choices mean, by value. */
  choices?: Record<string, string>
}

export const BREAKER = "circuit_breaker_config"
const B = BREAKER_SETTINGS_BOUNDS

function setting(name: keyof typeof B, label: string, unit?: Unit): Field {
  return { path: `${BREAKER}.${name}`, label, bound: B[name], ...(unit ? { unit } : {}) }
}

/** Settings of the breaker as they stand together on the page. */
export const BREAKER_GROUPS: { title: string; fields: Field[] }[] = [
  {
    title: "When it opens",
    fields: [
      setting("failure_threshold", "Failures in a row", "failures"),
      setting("failure_rate_threshold", "Failure rate", "%"),
      setting("minimum_calls", "Minimum calls", "calls"),
      setting("window_size_seconds", "Window", "s"),
      setting("slow_call_seconds", "Slow from", "s"),
      setting("slow_call_rate_threshold", "Slow-call rate", "%"),
      setting("minimum_workers", "Minimum workers", "workers"),
    ],
  },
  {
    title: "How it comes back",
    fields: [
      setting("timeout_seconds", "Open for", "s"),
      setting("half_open_max_calls", "Probe calls", "calls"),
      setting("timeout_multiplier", "Longer each reopening", "×"),
      setting("timeout_max_seconds", "Open for at most", "s"),
      setting("probe_lease_seconds", "Longest probe", "s"),
      setting("recovery_seconds", "Gradual recovery", "s"),
    ],
  },
  {
    title: "Adaptive thresholds",
    fields: [
      {
        ...setting("adaptive", "Thresholds follow what is usual"),
        choices: { true: "Yes, learn from the agent's calls", false: "No, as set above" },
      },
      setting("adaptive_margin", "Margin above the usual rate", "%"),
      setting("adaptive_floor", "Never opens below", "%"),
      setting("adaptive_confidence", "Confidence", "%"),
      setting("adaptive_half_life_seconds", "Learned calls fade by half in", "s"),
    ],
  },
  {
    title: "Limits",
    fields: [
      setting("max_concurrent_calls", "Calls at a time", "calls"),
      {
        ...setting("when_unavailable", "While Redis is away"),
        choices: {
          local: "Each worker decides",
          last_known: "Last known state stays",
          reject: "Refuse all calls",
        },
      },
    ],
  },
]

export const ENABLED = setting("enabled", "Circuit breaker")

const A = AGENT_CREATE_BOUNDS

function member(name: keyof typeof A, label: string, unit?: Unit): Field {
  return { path: name, label, bound: A[name], ...(unit ? { unit } : {}) }
}

function retry(name: keyof typeof RETRY_SETTINGS_BOUNDS, label: string, unit: Unit): Field {
  return { path: `retry.${name}`, label, bound: RETRY_SETTINGS_BOUNDS[name], unit }
}

export const NAME = member("name", "Name")
export const DESCRIPTION = member("description", "Description")
export const URL_FIELD = member("url", "Address")
export const PROTOCOL = member("protocol", "Protocol")
export const IDEMPOTENT: Field = {
  ...member("idempotent", "Safe to repeat"),
  choices: { true: "Yes, calls are idempotent", false: "No" },
}
export const WHEN_OPEN: Field = {
  ...member("when_open", "Tasks while the circuit is open"),
  choices: { reject: "Refuse at once", defer: "Keep for later" },
}

/** Figures of the connection, two by two. */
export const CONNECTION_FIELDS: Field[] = [
  member("connect_timeout_seconds", "Connecting", "s"),
  member("attempt_timeout_seconds", "One attempt", "s"),
  member("timeout_seconds", "Whole call", "s"),
  member("max_response_bytes", "Largest answer", "bytes"),
  retry("max_attempts", "Attempts", "times"),
  retry("backoff_seconds", "First wait", "s"),
  retry("backoff_max_seconds", "Longest wait", "s"),
]

function kept(name: keyof typeof RETENTION_SETTINGS_BOUNDS, label: string, unit: Unit): Field {
  // Null is no value of its own here: an empty field says the same.
  const { default: _none, ...bound } = { ...RETENTION_SETTINGS_BOUNDS[name], nullable: false }
  return { path: `retention.${name}`, label, bound, unit, unset: "as for all agents" }
}

/** How long outcomes are kept. */
export const RETENTION_FIELDS: Field[] = [
  kept("outcomes", "Calls kept", "entries"),
  kept("days", "Calls kept for", "days"),
]

/** Settings that are lists of texts. */
export const LISTS = {
  tags: { label: "Tags", bound: A.tags as Bound },
  failure_statuses: { label: "Statuses that are failures", bound: A.failure_statuses as Bound },
  ignored_statuses: { label: "Statuses that do not count", bound: A.ignored_statuses as Bound },
}
export type ListName = keyof typeof LISTS
export const LIST_NAMES = Object.keys(LISTS) as ListName[]

export const BREAKER_FIELDS: Field[] = [ENABLED, ...BREAKER_GROUPS.flatMap(({ fields }) => fields)]

/** All settings that are single values, but for the name. */
export const FIELDS: Field[] = [
  DESCRIPTION,
  URL_FIELD,
  PROTOCOL,
  ...CONNECTION_FIELDS,
  IDEMPOTENT,
  WHEN_OPEN,
  ...RETENTION_FIELDS,
  ...BREAKER_FIELDS,
]

export const BY_PATH: ReadonlyMap<string, Field> = new Map(FIELDS.map((one) => [one.path, one]))

/** Whether a setting is of the breaker, and which. */
export function breakerName(path: string): string | null {
  return path.startsWith(`${BREAKER}.`) ? path.slice(BREAKER.length + 1) : null
}

/** Whether a setting is nothing without an address. */
export function needsUrl(path: string): boolean {
  const isOwn = path === "description" || path === "tags" || path.startsWith("retention.")
  return breakerName(path) === null && !isOwn
}
