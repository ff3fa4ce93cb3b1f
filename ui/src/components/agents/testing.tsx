import { MantineProvider } from "@mantine/core"
import { Notifications } from "@mantine/notifications"
import { QueryClient, QueryClientProvider } from "@tanstack/react-query"
import { render } from "@testing-library/react"
import type { ReactNode } from "react"
import { vi } from "vitest"
import { rememberCsrf } from "../../api/client"
import type { AgentResponse, CircuitBreakerConfig } from "../../types/agent"

export const DEFAULTS: CircuitBreakerConfig = {
  enabled: true,
  failure_threshold: 5,
  failure_rate_threshold: 0.5,
  minimum_calls: 10,
  window_size_seconds: 120,
  timeout_seconds: 60,
  timeout_multiplier: 1,
  timeout_max_seconds: 600,
  half_open_max_calls: 3,
  probe_lease_seconds: 120,
  minimum_workers: 1,
  max_concurrent_calls: null,
  when_unavailable: "local",
  slow_call_seconds: null,
  slow_call_rate_threshold: 1,
  recovery_seconds: null,
  adaptive: false,
  adaptive_margin: 0.05,
  adaptive_floor: 0.1,
  adaptive_confidence: 0.9999,
  adaptive_half_life_seconds: 259200,
}

// Fields that grow with their text listen to it, and the test's page has none.
Object.defineProperty(document, "fonts", { value: new EventTarget(), configurable: true })

/** An agent as the API shows it. */
export function agent(changes: Partial<AgentResponse> = {}): AgentResponse {
  return {
    name: "billing",
    url: "https://billing.example.com/agent",
    protocol: "http",
    description: "",
    tags: [],
    headers: {},
    connect_timeout_seconds: 5,
    attempt_timeout_seconds: 30,
    timeout_seconds: 120,
    retention: { outcomes: null, days: null },
    retry: { max_attempts: 3, backoff_seconds: 0.1, backoff_max_seconds: 5 },
    idempotent: false,
    failure_statuses: ["429", "5xx"],
    ignored_statuses: [],
    when_open: "reject",
    max_response_bytes: 10_485_760,
    options: {},
    circuit_breaker_config: {},
    effective_circuit_breaker_config: DEFAULTS,
    defaulted: [],
    revision: 1,
    created_at: null,
    created_at_ms: 0,
    updated_at: null,
    updated_at_ms: 0,
    updated_by: "ann",
    ...changes,
  }
}

/** A request that was made. */
export interface Sent {
  method: string
  url: string
  headers: Headers
  body: unknown
}

type Reply = { status?: number; json?: unknown; etag?: string }

/** Answers requests in the place of the API; the answer lists what was sent. */
export function serve(answer: (sent: Sent) => Reply): Sent[] {
  const all: Sent[] = []
  rememberCsrf(null) // as after `/me`, which the shell has asked for by then
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined
    const sent = { method: init.method ?? "GET", url, headers: new Headers(init.headers), body }
    all.push(sent)
    const { status = 200, json, etag } = answer(sent)
    const text = json === undefined ? null : JSON.stringify(json)
    return new Response(text, { status, headers: etag ? { ETag: etag } : {} })
  })
  return all
}

/** A problem document. */
export function problem(status: number, errors: { field: string; allowed: string }[] = []) {
  const errorsOf = errors.map((one) => ({ ...one, value: null }))
  const json = {
    type: "t",
    title: "t",
    status,
    detail: "d",
    instance: "/",
    request_id: "r",
    errors: errorsOf,
  }
  return { status, json }
}

/** Draws a part of the page with all that it needs around it. */
export function draw(node: ReactNode) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  return render(
    <MantineProvider env="test">
      <QueryClientProvider client={client}>
        <Notifications />
        {node}
      </QueryClientProvider>
    </MantineProvider>,
  )
}
