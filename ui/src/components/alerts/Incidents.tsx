import { Badge, Table, Text } from "@mantine/core"
import type { IncidentResponse } from "../../api/models"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { TimeAgo } from "../state/TimeAgo"
import classes from "./alerts.module.css"
import { useIncidents } from "./queries"
import { SeverityBadge } from "./SeverityBadge"

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
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must take the keyboard
    <section className={classes.scroll} aria-label="Incidents" tabIndex={0}>
      <Table verticalSpacing="sm" miw={680}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>What</Table.Th>
            <Table.Th>Rule</Table.Th>
            <Table.Th>Since</Table.Th>
            <Table.Th>Over</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {incidents.data.items.map((incident) => (
            <Row key={incident.id} incident={incident} />
          ))}
        </Table.Tbody>
      </Table>
    </section>
  )
}

function Row({ incident }: { incident: IncidentResponse }) {
  return (
    <Table.Tr>
      <Table.Td>
        {incident.summary}
        {incident.silenced !== "" && (
          <Text size="sm" c="dimmed">
            Nobody was told: {SILENCED[incident.silenced] ?? incident.silenced}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        {incident.rule} <SeverityBadge severity={incident.severity} />
      </Table.Td>
      <Table.Td>
        <TimeAgo atMs={incident.opened_ms} />
      </Table.Td>
      <Table.Td>
        {incident.resolved_ms === 0 ? (
          <Badge variant="light" color="red">
            open
          </Badge>
        ) : (
          <TimeAgo atMs={incident.resolved_ms} />
        )}
      </Table.Td>
    </Table.Tr>
  )
}
