import { Table, Text } from "@mantine/core"
import type { IncidentResponse } from "../../api/models"
import { DataCell, DataTable } from "../DataTable"
import { FirstFew } from "../FirstFew"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { TimeAgo } from "../state/TimeAgo"
import { Tag } from "../Tag"
import { useIncidents } from "./queries"
import { SeverityBadge } from "./SeverityBadge"

const COLUMNS = ["What", "Rule", "Since", "Ended"]
const SILENCED: Record<string, string> = {
  no_channels: "the rule names no channel",
  cooldown: "within the cooldown",
  quiet_hours: "it was over before the quiet hours were",
}

interface Props {
  /** Only incidents about this agent. */
  agent?: string
}

/** What happened, the newest first; open ones are marked. */
export function Incidents({ agent }: Props) {
  const incidents = useIncidents({ limit: 50, ...(agent === undefined ? {} : { subject: agent }) })
  if (incidents.error) {
    return (
      <ErrorPanel
        error={incidents.error}
        title="The incidents could not be read"
        retry={() => void incidents.refetch()}
      />
    )
  }
  if (!incidents.data) return <RowSkeletons rows={3} height={44} />
  if (incidents.data.items.length === 0) {
    return (
      <Empty title="No incidents">
        When a rule's condition holds, it stands here: since when, and when it was over.
      </Empty>
    )
  }
  return (
    <FirstFew items={incidents.data.items}>
      {(shown) => (
        <DataTable label="Incidents" columns={COLUMNS}>
          {shown.map((incident) => (
            <Row key={incident.id} incident={incident} />
          ))}
        </DataTable>
      )}
    </FirstFew>
  )
}

function Row({ incident }: { incident: IncidentResponse }) {
  return (
    <Table.Tr>
      <DataCell of="What">
        {incident.summary}
        {incident.silenced !== "" && (
          <Text size="sm" c="dimmed">
            Nobody was told: {SILENCED[incident.silenced] ?? incident.silenced}
          </Text>
        )}
      </DataCell>
      <DataCell of="Rule">
        {incident.rule} <SeverityBadge severity={incident.severity} />
      </DataCell>
      <DataCell of="Since">
        <TimeAgo atMs={incident.opened_ms} />
      </DataCell>
      <DataCell of="Ended">
        {incident.resolved_ms === 0 ? (
          <Tag tone="open">open</Tag>
        ) : (
          <TimeAgo atMs={incident.resolved_ms} />
        )}
      </DataCell>
    </Table.Tr>
  )
}
