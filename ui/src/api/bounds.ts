// Made by `npm run bounds` from docs/openapi.json, not by hand.

/** What the server accepts of one member. */
export interface Bound {
  kind: "integer" | "number" | "switch" | "text" | "choice" | "list"
  description: string
  nullable: boolean
  default?: string | number | boolean | null
  choices?: readonly string[]
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  pattern?: string
  maxLength?: number
  maxItems?: number
}

export const AGENT_CREATE_BOUNDS = {
  attempt_timeout_seconds: {
    kind: "number",
    description: "longest attempt; of a stream, the longest wait for its next part",
    nullable: false,
    default: 30,
    minimum: 0.001,
    maximum: 86400,
  },
  connect_timeout_seconds: {
    kind: "number",
    description: "longest wait for a connection, TLS included",
    nullable: false,
    default: 5,
    minimum: 0.001,
    maximum: 86400,
  },
  description: {
    kind: "text",
    description: "",
    nullable: false,
    maxLength: 1000,
  },
  failure_statuses: {
    kind: "list",
    description: "",
    nullable: false,
  },
  idempotent: {
    kind: "switch",
    description: "true: repeating is safe after the agent may have seen the call",
    nullable: false,
    default: false,
  },
  ignored_statuses: {
    kind: "list",
    description: "",
    nullable: false,
  },
  max_response_bytes: {
    kind: "integer",
    description: "largest answer, after decompression; of a stream, the sum of its parts",
    nullable: false,
    default: 10485760,
    minimum: 1,
    maximum: 1073741824,
  },
  name: {
    kind: "text",
    description: "lower-case letters, digits, '-', '_' and '.'",
    nullable: false,
    pattern: "^[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?$",
    maxLength: 100,
  },
  protocol: {
    kind: "text",
    description: "how it is spoken to: http, a2a, or the name of a plug-in",
    nullable: false,
    default: "http",
    pattern: "^[a-z][a-z0-9_.-]{0,39}$",
  },
  tags: {
    kind: "list",
    description: "",
    nullable: false,
    maxItems: 32,
  },
  timeout_seconds: {
    kind: "number",
    description: "longest call, with all its attempts and waits",
    nullable: false,
    default: 120,
    minimum: 0.001,
    maximum: 86400,
  },
  url: {
    kind: "text",
    description: "where the agent listens",
    nullable: true,
    pattern:
      "^https?://(\\[[0-9a-fA-F:.]+\\]|[^\\x00-\\x20\\x7f/?#@\\\\:\\[\\]]+)(:[0-9]{1,5})?([/?][^\\x00-\\x20\\x7f#\\\\]*)?$",
    maxLength: 2048,
  },
  when_open: {
    kind: "choice",
    description: "what a worker does with a task while the circuit is open",
    nullable: false,
    default: "reject",
    choices: ["defer", "reject"],
  },
} as const satisfies Record<string, Bound>

export const BREAKER_SETTINGS_BOUNDS = {
  adaptive: {
    kind: "switch",
    description: "true: failures are held against what is usual for this agent",
    nullable: false,
    default: false,
  },
  adaptive_confidence: {
    kind: "number",
    description: "how sure the window must be that the rate is above the threshold",
    nullable: false,
    default: 0.9999,
    minimum: 0.9,
    maximum: 0.999999,
  },
  adaptive_floor: {
    kind: "number",
    description: "a failure rate below this never opens while adaptive",
    nullable: false,
    default: 0.1,
    exclusiveMinimum: 0,
    maximum: 1,
  },
  adaptive_half_life_seconds: {
    kind: "number",
    description: "after this long a call weighs half in what is usual",
    nullable: false,
    default: 259200,
    minimum: 600,
    maximum: 7776000,
  },
  adaptive_margin: {
    kind: "number",
    description: "how far above its usual failure rate an agent may go",
    nullable: false,
    default: 0.05,
    minimum: 0,
    maximum: 1,
  },
  enabled: {
    kind: "switch",
    description: "false: every call is admitted; outcomes are still recorded",
    nullable: false,
    default: true,
  },
  failure_rate_threshold: {
    kind: "number",
    description: "failures/calls in the window that open; null: test off",
    nullable: true,
    default: 0.5,
    exclusiveMinimum: 0,
    maximum: 1,
  },
  failure_threshold: {
    kind: "integer",
    description: "consecutive failures that open; null: test off",
    nullable: true,
    default: 5,
    minimum: 1,
    maximum: 1000000,
  },
  half_open_max_calls: {
    kind: "integer",
    description: "probes of one HALF_OPEN round; all succeed: CLOSED, one fails: OPEN",
    nullable: false,
    default: 3,
    minimum: 1,
    maximum: 1000,
  },
  max_concurrent_calls: {
    kind: "integer",
    description: "calls in flight per process; null: no cap",
    nullable: true,
    default: null,
    minimum: 1,
    maximum: 1000000,
  },
  minimum_calls: {
    kind: "integer",
    description: "calls the window needs before a rate counts",
    nullable: false,
    default: 10,
    minimum: 1,
    maximum: 1000000,
  },
  minimum_workers: {
    kind: "integer",
    description: "distinct workers that must have seen trouble before it opens",
    nullable: false,
    default: 1,
    minimum: 1,
    maximum: 16,
  },
  probe_lease_seconds: {
    kind: "number",
    description: "a probe is cut off, or given up, after this long",
    nullable: false,
    default: 120,
    minimum: 0.001,
    maximum: 604800,
  },
  recovery_seconds: {
    kind: "number",
    description: "after HALF_OPEN, how long the share let through grows; null: not at all",
    nullable: true,
    default: null,
    minimum: 0.001,
    maximum: 604800,
  },
  slow_call_rate_threshold: {
    kind: "number",
    description: "slow calls/calls in the window that open",
    nullable: false,
    default: 1,
    exclusiveMinimum: 0,
    maximum: 1,
  },
  slow_call_seconds: {
    kind: "number",
    description: "calls this long are slow; null: test off",
    nullable: true,
    default: null,
    minimum: 0.001,
    maximum: 604800,
  },
  timeout_max_seconds: {
    kind: "number",
    description: "cap of a grown or asked-for (Retry-After) open time",
    nullable: false,
    default: 600,
    minimum: 0.001,
    maximum: 604800,
  },
  timeout_multiplier: {
    kind: "number",
    description: "each reopening in a row lasts longer by this factor",
    nullable: false,
    default: 1,
    minimum: 1,
    maximum: 100,
  },
  timeout_seconds: {
    kind: "number",
    description: "how long OPEN lasts before probes",
    nullable: false,
    default: 60,
    minimum: 0.001,
    maximum: 604800,
  },
  when_unavailable: {
    kind: "choice",
    description: "who decides while Redis or the projector is away",
    nullable: false,
    default: "local",
    choices: ["last_known", "local", "reject"],
  },
  window_size_seconds: {
    kind: "number",
    description: "length of the sliding window",
    nullable: false,
    default: 120,
    minimum: 0.001,
    maximum: 604800,
  },
} as const satisfies Record<string, Bound>

export const RETRY_SETTINGS_BOUNDS = {
  backoff_max_seconds: {
    kind: "number",
    description: "longest such wait",
    nullable: false,
    default: 5,
    minimum: 0,
    maximum: 600,
  },
  backoff_seconds: {
    kind: "number",
    description: "wait before the second attempt; doubles each time, with jitter",
    nullable: false,
    default: 0.1,
    minimum: 0,
    maximum: 600,
  },
  max_attempts: {
    kind: "integer",
    description: "attempts of one call, the first included",
    nullable: false,
    default: 3,
    minimum: 1,
    maximum: 10,
  },
} as const satisfies Record<string, Bound>

export const RETENTION_SETTINGS_BOUNDS = {
  days: {
    kind: "number",
    description: "age in days at which outcomes go; 0: never",
    nullable: true,
    default: null,
    minimum: 0,
    maximum: 36500,
  },
  outcomes: {
    kind: "integer",
    description: "entries of the log that are kept at most; 0: all of them",
    nullable: true,
    default: null,
    minimum: 0,
    maximum: 1000000000,
  },
} as const satisfies Record<string, Bound>

export const OVERRIDE_BOUNDS = {
  expires_in_seconds: {
    kind: "number",
    description: "",
    nullable: true,
    default: null,
    minimum: 0.001,
    maximum: 31536000,
  },
  mode: {
    kind: "choice",
    description: "Who decides admission: the circuit's state, or an operator.",
    nullable: false,
    choices: ["auto", "forced_closed", "forced_open"],
  },
  reason: {
    kind: "text",
    description: "",
    nullable: false,
    maxLength: 500,
  },
  reset: {
    kind: "switch",
    description: "",
    nullable: false,
    default: false,
  },
} as const satisfies Record<string, Bound>

export const OPEN_LONGER_BOUNDS = {
  for_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 300,
    minimum: 1,
    maximum: 2592000,
  },
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["open_longer"],
  },
} as const satisfies Record<string, Bound>

export const FLAPPING_BOUNDS = {
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["flapping"],
  },
  times: {
    kind: "integer",
    description: "",
    nullable: false,
    default: 3,
    minimum: 2,
    maximum: 100,
  },
  within_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 600,
    minimum: 1,
    maximum: 2592000,
  },
} as const satisfies Record<string, Bound>

export const FAILURE_RATE_BOUNDS = {
  for_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 0,
    minimum: 0,
    maximum: 86400,
  },
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["failure_rate"],
  },
  minimum_calls: {
    kind: "integer",
    description: "",
    nullable: false,
    default: 20,
    minimum: 1,
    maximum: 1000000,
  },
  rate: {
    kind: "number",
    description: "",
    nullable: false,
    default: 0.2,
    exclusiveMinimum: 0,
    maximum: 1,
  },
} as const satisfies Record<string, Bound>

export const OVERRIDE_LONGER_BOUNDS = {
  for_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 3600,
    minimum: 1,
    maximum: 2592000,
  },
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["override_longer"],
  },
} as const satisfies Record<string, Bound>

export const NO_TRAFFIC_BOUNDS = {
  for_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 900,
    minimum: 1,
    maximum: 2592000,
  },
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["no_traffic"],
  },
} as const satisfies Record<string, Bound>

export const PROJECTOR_LAG_BOUNDS = {
  above_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 10,
    minimum: 1,
    maximum: 2592000,
  },
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["projector_lag"],
  },
} as const satisfies Record<string, Bound>

export const PROJECTOR_STALLED_BOUNDS = {
  for_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 10,
    minimum: 1,
    maximum: 2592000,
  },
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["projector_stalled"],
  },
} as const satisfies Record<string, Bound>

export const REDIS_LOST_BOUNDS = {
  for_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 10,
    minimum: 1,
    maximum: 2592000,
  },
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["redis_lost"],
  },
} as const satisfies Record<string, Bound>

export const SPOOL_HOLDS_BOUNDS = {
  above_bytes: {
    kind: "integer",
    description: "",
    nullable: false,
    default: 1048576,
    minimum: 1,
    maximum: 1125899906842624,
  },
  for_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 60,
    minimum: 1,
    maximum: 2592000,
  },
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["spool"],
  },
} as const satisfies Record<string, Bound>

export const CLOCK_TROUBLE_BOUNDS = {
  above_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 2,
    minimum: 0.25,
    maximum: 86400,
  },
  kind: {
    kind: "choice",
    description: "",
    nullable: false,
    choices: ["clock"],
  },
} as const satisfies Record<string, Bound>

export const ALERT_RULE_BOUNDS = {
  agents: {
    kind: "list",
    description: "",
    nullable: false,
    maxItems: 50,
  },
  channels: {
    kind: "list",
    description: "",
    nullable: false,
    maxItems: 50,
  },
  cooldown_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 0,
    minimum: 0,
    maximum: 2592000,
  },
  description: {
    kind: "text",
    description: "",
    nullable: false,
    default: "",
    maxLength: 500,
  },
  enabled: {
    kind: "switch",
    description: "",
    nullable: false,
    default: true,
  },
  group_seconds: {
    kind: "number",
    description: "",
    nullable: false,
    default: 0,
    minimum: 0,
    maximum: 3600,
  },
  name: {
    kind: "text",
    description: "",
    nullable: false,
    pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$",
    maxLength: 100,
  },
  notify_resolved: {
    kind: "switch",
    description: "",
    nullable: false,
    default: true,
  },
  quiet_hours: {
    kind: "list",
    description: "",
    nullable: false,
    maxItems: 20,
  },
  severity: {
    kind: "choice",
    description: "How much it matters.",
    nullable: false,
    default: "warning",
    choices: ["critical", "info", "warning"],
  },
  tags: {
    kind: "list",
    description: "",
    nullable: false,
    maxItems: 50,
  },
} as const satisfies Record<string, Bound>
