import { Button, Group, Stack, Text, Title } from "@mantine/core"
import { useDocumentTitle } from "@mantine/hooks"
import { Link, useNavigate, useSearch } from "@tanstack/react-router"
import { useCallback } from "react"
import { useMay } from "../api/queries"
import { AgentFilters } from "../components/agents/AgentFilters"
import { AgentList } from "../components/agents/AgentList"
import { useAgentPages } from "../components/agents/useAgentPages"
import { Empty } from "../components/feedback/Empty"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { RowSkeletons } from "../components/feedback/Skeletons"
import { PlusIcon } from "../components/icons"
import { counted } from "../lib/format"
import type { AgentsSearch } from "./agentsSearch"

const ADD =
  "echo '[{name: billing-agent, url: https://billing.example.com/agent}]' | fuseline agents apply -f -"

/** The registry. */
export function Agents() {
  useDocumentTitle("Agents · Fuseline")
  const search = useSearch({ from: "/shell/agents" })
  const navigate = useNavigate()
  const admin = useMay("admin")
  const { q, tag, protocol, sort } = search
  const pages = useAgentPages({
    ...(q ? { search: q } : {}),
    ...(tag ? { tag: [tag] } : {}),
    ...(protocol ? { protocol } : {}),
    ...(sort ? { sort } : {}),
  })
  const { data, error, fetchNextPage, isFetchingNextPage } = pages
  const agents = data?.pages.flatMap((page) => page.items) ?? []
  const total = data?.pages.at(-1)?.total ?? 0
  const filtered = Boolean(q || tag || protocol)

  const show = (next: AgentsSearch) => void navigate({ to: "/agents", search: next, replace: true })
  const more = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage()
  }, [fetchNextPage, isFetchingNextPage])
  const create = admin && (
    <Button component={Link} to="/agents/new" leftSection={<PlusIcon />}>
      New agent
    </Button>
  )

  return (
    <Stack gap="md">
      <Group justify="space-between">
        <Group gap="sm" align="baseline">
          <Title order={1}>Agents</Title>
          {data && (
            <Text c="dimmed" size="sm" className="fl-num" role="status">
              {counted(total, "agent")}
              {filtered && " found"}
            </Text>
          )}
        </Group>
        {create}
      </Group>
      <AgentFilters search={search} agents={agents} onChange={show} />
      {error && (
        <ErrorPanel
          error={error}
          title="The agents could not be read"
          retry={() => void pages.refetch()}
        />
      )}
      {!data && !error && <RowSkeletons rows={8} height={60} />}
      {data && agents.length > 0 && (
        <AgentList
          agents={agents}
          total={total}
          onTag={(one) => show({ ...search, tag: one })}
          onEnd={more}
        />
      )}
      {data && agents.length === 0 && filtered && (
        <Empty
          title="No agent fits"
          action={
            <Button variant="default" onClick={() => show(sort ? { sort } : {})}>
              Show all
            </Button>
          }
        >
          There is none with these words, tag and protocol together.
        </Empty>
      )}
      {data && agents.length === 0 && !filtered && (
        <Empty title="No agents yet" command={ADD} action={create || undefined}>
          Every agent that is registered, or called through a breaker, stands here with its state
          and settings.
        </Empty>
      )}
    </Stack>
  )
}
