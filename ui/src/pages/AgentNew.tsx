import { Text } from "@mantine/core"
import { useNavigate } from "@tanstack/react-router"
import { useDefaults, useMay, useMe } from "../api/queries"
import { AgentForm } from "../components/agents/AgentForm"
import { useLeaveGuard } from "../components/agents/useLeaveGuard"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { PageSkeleton } from "../components/feedback/Skeletons"
import { PageTitle } from "../components/PageTitle"

/** Registers an agent. */
export function AgentNew() {
  const { data: me } = useMe()
  const admin = useMay("admin")
  const { data, error, refetch } = useDefaults()
  const navigate = useNavigate()
  const onDirty = useLeaveGuard()
  if (error) return <ErrorPanel error={error} retry={() => void refetch()} />
  if (!data || !me) return <PageSkeleton />
  return (
    <>
      <PageTitle title="New agent" />
      {admin ? (
        <AgentForm
          defaults={data.circuit_breaker_config}
          onDirty={onDirty}
          onSaved={({ name }) => void navigate({ to: "/agents/$name", params: { name } })}
        />
      ) : (
        <Text c="dimmed">You are {me.role}; only an admin registers agents.</Text>
      )}
    </>
  )
}
