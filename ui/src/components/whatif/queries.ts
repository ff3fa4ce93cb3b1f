import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { api } from "../../api/client"
import type { CircuitBreakerConfig } from "../../types/agent"

const MINUTE_MS = 60_000

/** Settings that the log tells the effect of; the others decide in a worker alone. */
export function foldedOf(config: CircuitBreakerConfig) {
  const {
    max_concurrent_calls: _cap,
    when_unavailable: _away,
    recovery_seconds: _ramp,
    ...folded
  } = config
  return folded
}

/** What some settings would have made of the time since an age like "-1d". */
export function useWhatIf(name: string, config: CircuitBreakerConfig | null, since: string) {
  const settings = config === null ? null : foldedOf(config)
  return useQuery({
    queryKey: ["what-if", name, since, settings],
    queryFn: ({ signal }) =>
      api.post("/api/v1/circuits/{name}/what-if", {
        path: { name },
        body: { settings: settings ?? {}, since },
        signal,
      }),
    enabled: settings !== null,
    placeholderData: keepPreviousData,
    staleTime: MINUTE_MS,
    retry: false,
  })
}

/** The settings that would have cost least; asked for once it is wanted, because it takes a while. */
export function useProposals(name: string, since: string, failureCost: number, wanted: boolean) {
  return useQuery({
    queryKey: ["proposals", name, since, failureCost],
    queryFn: ({ signal }) =>
      api.post("/api/v1/circuits/{name}/proposals", {
        path: { name },
        body: { since, failure_cost: failureCost, limit: 5 },
        signal,
      }),
    enabled: wanted,
    staleTime: 10 * MINUTE_MS,
    retry: false,
  })
}
