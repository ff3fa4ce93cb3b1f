import { Anchor, Code, Group, Paper, Stack, Table, Text, Title } from "@mantine/core"
import type { ReactNode } from "react"
import { ApiProblem } from "../api/problem"
import { useReadiness, useVersion } from "../api/queries"
import { useConnection } from "../api/useStream"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { RowSkeletons } from "../components/feedback/Skeletons"
import { CheckIcon, WarningIcon } from "../components/icons"
import { PageTitle } from "../components/PageTitle"

/** What is running, and whether it is well. */
export function About() {
  const version = useVersion()
  return (
    <>
      <PageTitle title="About" />
      <Stack maw={720}>
        <Health />
        <Paper withBorder p="md">
          <Title order={2} mb="xs">
            Versions
          </Title>
          {version.error ? (
            <ErrorPanel
              error={version.error}
              title="The versions could not be read"
              retry={() => void version.refetch()}
            />
          ) : version.data ? (
            <Facts
              facts={[
                ["Fuseline", version.data.version],
                ["Server", version.data.server],
                ["Python", version.data.python],
                ["Namespace", version.data.namespace],
                ["Shards", String(version.data.shards)],
                ["Server-side functions", `${version.data.library}, build ${version.data.build}`],
              ]}
            />
          ) : (
            <RowSkeletons rows={6} height={32} />
          )}
        </Paper>
        <Group gap="lg">
          <Anchor href="/api/v1/docs">Documentation of the API</Anchor>
          <Anchor href="/api/v1/metrics">Figures for Prometheus</Anchor>
        </Group>
        <Text size="sm" c="dimmed">
          Fuseline is free software under the Apache License 2.0. For a full check of a machine run{" "}
          <Code>fuseline doctor</Code> there.
        </Text>
      </Stack>
    </>
  )
}

function Health() {
  const ready = useReadiness()
  const { state, health } = useConnection()
  const shards = health.unprojected_shards.length
  return (
    <Paper withBorder p="md">
      <Title order={2} mb="xs">
        Health
      </Title>
      <Stack gap="xs">
        <Check well={ready.data?.status === "ok"} waiting={ready.isPending}>
          {ready.data?.status === "ok"
            ? "The API can serve"
            : `The API cannot serve: ${reasonOf(ready.error)}`}
        </Check>
        <Check well={health.server}>
          {health.server ? "Redis or Valkey answers" : "Redis or Valkey does not answer"}
        </Check>
        <Check well={shards === 0}>
          {shards === 0 ? "Every shard is projected" : `${shards} shards are not projected`}
        </Check>
        <Check well={state === "live"} waiting={state === "connecting"}>
          {state === "live" ? "Live changes come in" : "Live changes do not come in"}
        </Check>
      </Stack>
    </Paper>
  )
}

function reasonOf(error: unknown): string {
  return error instanceof ApiProblem ? error.message : "it does not answer"
}

interface CheckProps {
  well: boolean
  waiting?: boolean
  children: ReactNode
}

function Check({ well, waiting = false, children }: CheckProps) {
  if (waiting) return <Text c="dimmed">...</Text>
  return (
    <Group gap="xs" c={well ? "var(--fl-closed)" : "var(--fl-open)"} wrap="nowrap">
      {well ? <CheckIcon label="well" /> : <WarningIcon label="not well" />}
      <Text size="sm" c="var(--mantine-color-text)">
        {children}
      </Text>
    </Group>
  )
}

function Facts({ facts }: { facts: readonly (readonly [string, string])[] }) {
  return (
    <Table variant="vertical" withRowBorders={false}>
      <Table.Tbody>
        {facts.map(([name, value]) => (
          <Table.Tr key={name}>
            <Table.Th w="40%">{name}</Table.Th>
            <Table.Td>{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  )
}
