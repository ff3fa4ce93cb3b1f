import { Alert, Button, Group, Stack, Text, Title } from "@mantine/core"
import { useQueryClient } from "@tanstack/react-query"
import { useNavigate, useParams } from "@tanstack/react-router"
import { useEffect, useState } from "react"
import { keys, useAgent, useDefaults, useMay, useMe } from "../api/queries"
import { useCircuitRow } from "../api/useStream"
import { AgentForm } from "../components/agents/AgentForm"
import { DeleteDialog } from "../components/agents/DeleteDialog"
import classes from "../components/agents/form.module.css"
import { useLeaveGuard } from "../components/agents/useLeaveGuard"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { PageSkeleton } from "../components/feedback/Skeletons"
import { LastDay } from "../components/whatif/LastDay"

/** An agent's settings, and its removal. */
export function AgentEdit() {
  const { name } = useParams({ from: "/shell/agents/$name/settings" })
  const { data: me } = useMe()
  const admin = useMay("admin")
  const agent = useAgent(name)
  const defaults = useDefaults()
  const navigate = useNavigate()
  const client = useQueryClient()
  const onDirty = useLeaveGuard()
  const [removing, setRemoving] = useState(false)

  // The stream tells the revision in force; another one than that shown is somebody's change.
  const current = useCircuitRow(name)?.revision
  const shown = agent.data?.data.revision
  const behind = current !== undefined && shown !== undefined && current > shown
  useEffect(() => {
    if (behind) void client.invalidateQueries({ queryKey: keys.agent(name) })
  }, [client, name, behind])

  const error = agent.error ?? defaults.error
  if (error && !agent.data) {
    return (
      <ErrorPanel
        error={error}
        title="The settings could not be read"
        retry={() => void agent.refetch()}
      />
    )
  }
  if (!agent.data || !defaults.data || !me) return <PageSkeleton />
  return (
    <Stack gap="lg">
      {!admin && (
        <Alert color="gray" maw="60rem">
          You are {me.role}; only an admin changes settings.
        </Alert>
      )}
      <AgentForm
        key={name}
        stored={agent.data}
        defaults={defaults.data.circuit_breaker_config}
        readOnly={!admin}
        tried={(config) => <LastDay agent={name} config={config} />}
        onDirty={onDirty}
      />
      {admin && (
        <section className={`${classes.section} ${classes.form}`} aria-labelledby="remove">
          <Group justify="space-between">
            <div>
              <Title order={2} id="remove">
                Remove this agent
              </Title>
              <Text size="sm" c="dimmed">
                Its settings go; its history stays.
              </Text>
            </div>
            <Button
              variant="default"
              c="var(--mantine-color-error)"
              onClick={() => setRemoving(true)}
            >
              Remove…
            </Button>
          </Group>
        </section>
      )}
      {removing && (
        <DeleteDialog
          name={name}
          etag={agent.data.etag}
          onClose={() => setRemoving(false)}
          onDeleted={() => {
            onDirty(false)
            return navigate({ to: "/agents" })
          }}
        />
      )}
    </Stack>
  )
}
