import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { api, type Options } from "../../api/client"
import type { AlertChannel, AlertRule } from "../../api/models"

type IncidentsQuery = NonNullable<Options<"/api/v1/alerts/incidents", "get">["query"]>

const KEYS = {
  all: ["alerts"] as const,
  rules: ["alerts", "rules"] as const,
  channels: ["alerts", "channels"] as const,
  incidents: (query: IncidentsQuery) => ["alerts", "incidents", query] as const,
  deliveries: ["alerts", "deliveries"] as const,
  notifier: ["alerts", "notifier"] as const,
}

// Nothing in the stream tells of incidents.
const LOOK_MS = 5_000

export function useRules() {
  return useQuery({
    queryKey: KEYS.rules,
    queryFn: ({ signal }) => api.get("/api/v1/alerts/rules", { signal }),
  })
}

export function useChannels() {
  return useQuery({
    queryKey: KEYS.channels,
    queryFn: ({ signal }) => api.get("/api/v1/alerts/channels", { signal }),
  })
}

export function useIncidents(query: IncidentsQuery) {
  return useQuery({
    queryKey: KEYS.incidents(query),
    queryFn: ({ signal }) => api.get("/api/v1/alerts/incidents", { query, signal }),
    refetchInterval: LOOK_MS,
  })
}

export function useDeliveries() {
  return useQuery({
    queryKey: KEYS.deliveries,
    queryFn: ({ signal }) => api.get("/api/v1/alerts/deliveries", { query: { limit: 50 }, signal }),
    refetchInterval: LOOK_MS,
  })
}

export function useNotifier() {
  return useQuery({
    queryKey: KEYS.notifier,
    queryFn: ({ signal }) => api.get("/api/v1/alerts/notifier", { signal }),
    refetchInterval: LOOK_MS,
  })
}

/** Makes a rule, or replaces the one whose revision is given. */
export function useSaveRule(revision: number | null) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: AlertRule) =>
      revision === null
        ? api.post("/api/v1/alerts/rules", { body })
        : api.put("/api/v1/alerts/rules/{name}", {
            path: { name: body.name },
            body,
            ifMatch: `"${revision}"`,
          }),
    onSuccess: () => client.invalidateQueries({ queryKey: KEYS.all }),
  })
}

export function useDeleteRule() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ name, revision }: { name: string; revision: number }) =>
      api.del("/api/v1/alerts/rules/{name}", { path: { name }, ifMatch: `"${revision}"` }),
    onSuccess: () => client.invalidateQueries({ queryKey: KEYS.all }),
  })
}

export function useCreateChannel() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: AlertChannel) => api.post("/api/v1/alerts/channels", { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: KEYS.channels }),
  })
}

export function useDeleteChannel() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ name, revision }: { name: string; revision: number }) =>
      api.del("/api/v1/alerts/channels/{name}", { path: { name }, ifMatch: `"${revision}"` }),
    onSuccess: () => client.invalidateQueries({ queryKey: KEYS.channels }),
  })
}

/** Has a test notice sent; the answer says what came of it. */
export function useTestChannel() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (name: string) =>
      api.post("/api/v1/alerts/channels/{name}/test", { path: { name } }),
    onSettled: () => client.invalidateQueries({ queryKey: KEYS.deliveries }),
  })
}
