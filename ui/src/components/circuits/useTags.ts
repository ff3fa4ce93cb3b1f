import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect } from "react"
import { api } from "../../api/client"
import { keys } from "../../api/queries"
import type { CircuitTable } from "../../api/table"
import { useCircuits } from "../../api/useStream"
import { type Tags, tagsOf } from "./groups"

const SETTLE_MS = 500

/** Tags of all agents, read anew when the stream says that agents came, went or changed. */
export function useTags(): Tags | undefined {
  const client = useQueryClient()
  const registry = useCircuits(registryOf)
  // biome-ignore lint/correctness/useExhaustiveDependencies: every change of `registry` asks anew
  useEffect(() => {
    const timer = setTimeout(
      () => void client.invalidateQueries({ queryKey: keys.tags }),
      SETTLE_MS,
    )
    return () => clearTimeout(timer)
  }, [client, registry])
  return useQuery({
    queryKey: keys.tags,
    queryFn: async ({ signal }) => tagsOf(await api.get("/api/v1/tags", { signal })),
    placeholderData: keepPreviousData,
    structuralSharing: false,
  }).data
}

function registryOf(table: CircuitTable): number {
  return table.registry
}
