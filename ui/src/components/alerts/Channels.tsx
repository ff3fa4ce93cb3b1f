import { Button, Code, Group, Stack, Table, Text } from "@mantine/core"
import { useState } from "react"
import type { StoredChannel } from "../../api/models"
import { useMay } from "../../api/queries"
import { DataCell, DataTable } from "../DataTable"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import classes from "./alerts.module.css"
import { ChannelForm } from "./ChannelForm"
import { useChannels, useDeleteChannel, useTestChannel } from "./queries"

const COLUMNS = ["Channel", "Kind", "Address", ""]

/** Where notices go; each can be tried. */
export function Channels() {
  const channels = useChannels()
  const admin = useMay("admin")
  const [creating, setCreating] = useState(false)
  if (channels.error) {
    return (
      <ErrorPanel
        error={channels.error}
        title="The channels could not be read"
        retry={() => void channels.refetch()}
      />
    )
  }
  if (!channels.data) return <RowSkeletons rows={2} height={44} />
  const { items } = channels.data
  const add = (
    <Button variant="default" onClick={() => setCreating(true)} disabled={!admin}>
      New channel
    </Button>
  )
  return (
    <Stack gap="sm">
      {items.length === 0 ? (
        <Empty title="No channels yet" action={add}>
          A channel is a signed webhook, or whatever Apprise knows: Slack, mail, PagerDuty, Teams.
          Its secrets stay with the process that sends; here stand references.
        </Empty>
      ) : (
        <>
          <Group justify="flex-end">{add}</Group>
          <DataTable label="Channels" columns={COLUMNS}>
            {items.map((stored) => (
              <Row key={stored.channel.name} stored={stored} />
            ))}
          </DataTable>
        </>
      )}
      {creating && <ChannelForm onClose={() => setCreating(false)} />}
    </Stack>
  )
}

function Row({ stored: { channel, revision } }: { stored: StoredChannel }) {
  const admin = useMay("admin")
  const operator = useMay("operator")
  const test = useTestChannel()
  const remove = useDeleteChannel()
  const { name, to } = channel
  return (
    <Table.Tr>
      <DataCell of="Channel">
        <b>{name}</b>
      </DataCell>
      <DataCell of="Kind">{to.kind}</DataCell>
      <DataCell of="Address">
        <Code className={classes.url ?? ""}>{to.url}</Code>
        <div aria-live="polite">
          {test.data && (
            <Text size="sm">
              The test was {test.data.result}
              {test.data.error !== "" && `: ${test.data.error}`}
            </Text>
          )}
        </div>
        {test.error && <ErrorPanel error={test.error} title="The test was not sent" />}
        {remove.error && <ErrorPanel error={remove.error} title="The channel was not removed" />}
      </DataCell>
      <DataCell of="">
        <Group gap={6} wrap="nowrap" className={classes.actions ?? ""}>
          {operator && (
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Send a test to ${name}`}
              loading={test.isPending}
              onClick={() => test.mutate(name)}
            >
              Test
            </Button>
          )}
          {admin && (
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Remove ${name}`}
              loading={remove.isPending}
              onClick={() => remove.mutate({ name, revision })}
            >
              Remove
            </Button>
          )}
        </Group>
      </DataCell>
    </Table.Tr>
  )
}
