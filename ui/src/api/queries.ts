import {
  keepPreviousData,
  type QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query"
import { useEffect, useRef } from "react"
import { type Answer, api, type Options, rememberCsrf } from "./client"
import type { Me, Role, TokenCreate } from "./models"
import { useCircuitRow } from "./useStream"

export type AgentsQuery = NonNullable<Options<"/api/v1/agents", "get">["query"]>
export type CircuitDetailAnswer = Answer<"/api/v1/circuits/{name}", "get">

/** Names of what is kept; invalidate by these. */
export const keys = {
  me: ["me"] as const,
  agents: (query?: AgentsQuery) => (query ? (["agents", query] as const) : (["agents"] as const)),
  agent: (name: string) => ["agent", name] as const,
  circuit: (name: string) => ["circuit", name] as const,
  defaults: ["defaults"] as const,
  tags: ["tags"] as const,
  tokens: ["tokens"] as const,
  version: ["version"] as const,
  health: ["health"] as const,
}

async function fetchMe(signal?: AbortSignal): Promise<Me> {
  const me = await api.get("/api/v1/me", signal ? { signal } : {})
  rememberCsrf(me.csrf_token)
  return me
}

/** Who the page is used by. */
export function useMe() {
  return useQuery({
    queryKey: keys.me,
    queryFn: ({ signal }) => fetchMe(signal),
    staleTime: Number.POSITIVE_INFINITY,
  })
}

const RANKS: Record<Role, number> = { viewer: 0, caller: 1, operator: 2, admin: 3 }

/** Whether the caller has a role or one above it; false until known. */
export function useMay(role: Role): boolean {
  const { data } = useMe()
  return data !== undefined && RANKS[data.role] >= RANKS[role]
}

/** One circuit with the sentence why; read anew when the stream says that it changed. */
export function useCircuit(name: string) {
  const client = useQueryClient()
  const row = useCircuitRow(name)
  const mark = row && `${row.epoch} ${row.state} ${row.mode} ${row.revision}`
  const known = useRef(mark)
  const query = useQuery({
    queryKey: keys.circuit(name),
    queryFn: ({ signal }) => api.get("/api/v1/circuits/{name}", { path: { name }, signal }),
  })
  const { isFetching } = query
  useEffect(() => {
    // A first answer that is still under way may be of before the change, and is not asked for anew
    // as long as it is.
    if (mark === known.current || isFetching) return
    known.current = mark
    if (mark !== undefined) void client.invalidateQueries({ queryKey: keys.circuit(name) })
  }, [client, name, mark, isFetching])
  return query
}

/** A page of the registry. */
export function useAgents(query: AgentsQuery = {}) {
  return useQuery({
    queryKey: keys.agents(query),
    queryFn: ({ signal }) => api.get("/api/v1/agents", { query, signal }),
    placeholderData: keepPreviousData,
  })
}

/** One agent with its ETag, as `{ data, etag }`. */
export function useAgent(name: string) {
  return useQuery({
    queryKey: keys.agent(name),
    queryFn: ({ signal }) => api.tagged.get("/api/v1/agents/{name}", { path: { name }, signal }),
  })
}

/** What applies where an agent names nothing. */
export function useDefaults() {
  return useQuery({
    queryKey: keys.defaults,
    queryFn: ({ signal }) => api.get("/api/v1/defaults", { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  })
}

export function useVersion() {
  return useQuery({
    queryKey: keys.version,
    queryFn: ({ signal }) => api.get("/api/v1/version", { signal }),
  })
}

export function useReadiness() {
  return useQuery({
    queryKey: keys.health,
    queryFn: ({ signal }) => api.get("/api/v1/readyz", { signal }),
    retry: false,
  })
}

export function useTokens(enabled: boolean) {
  return useQuery({
    queryKey: keys.tokens,
    queryFn: ({ signal }) => api.get("/api/v1/tokens", { signal }),
    enabled,
  })
}

export function useCreateToken() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: TokenCreate) => api.post("/api/v1/tokens", { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.tokens }),
  })
}

export function useRevokeToken() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => api.del("/api/v1/tokens/{token_id}", { path: { token_id: id } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.tokens }),
  })
}

export function useLogin() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (token: string) => api.post("/api/v1/session", { body: { token } }),
    onSuccess: (me) => {
      rememberCsrf(me.csrf_token)
      client.setQueryData(keys.me, me)
    },
  })
}

export function useLogout() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => api.del("/api/v1/session"),
    onSuccess: () => forget(client),
  })
}

function forget(client: QueryClient): void {
  rememberCsrf(null)
  client.clear()
}
