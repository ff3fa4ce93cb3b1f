import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { api } from "../../api/client"
import type { ShadowAsk } from "../../api/models"
import type { CircuitBreakerConfig } from "../../types/agent"
import { timelineKey } from "../charts/useChangeTick"

type Settings = ShadowAsk["settings"]

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

const shadowKey = (name: string) => ["shadow", name] as const

/** What is folded beside an agent's circuit, and how it did since it was set. */
export function useShadow(name: string) {
  return useQuery({
    queryKey: shadowKey(name),
    queryFn: ({ signal }) =>
      api.get("/api/v1/circuits/{name}/shadow", { path: { name }, query: {}, signal }),
    refetchInterval: MINUTE_MS,
    retry: false,
  })
}

/** Folds settings along from now on; null: nothing any more. */
export function useSetShadow(name: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ settings, reason }: { settings: Settings | null; reason: string }) =>
      settings === null
        ? api.del("/api/v1/circuits/{name}/shadow", { path: { name }, query: { reason } })
        : api.put("/api/v1/circuits/{name}/shadow", { path: { name }, body: { settings, reason } }),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: shadowKey(name) }),
        client.invalidateQueries({ queryKey: timelineKey(name) }),
      ]),
  })
}

/** Settings that differ from those in force. */
export function changedOf(
  config: CircuitBreakerConfig,
  inForce: Readonly<Record<string, unknown>>,
): Settings {
  return Object.fromEntries(
    Object.entries(foldedOf(config)).filter(([name, value]) => value !== inForce[name]),
  )
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
