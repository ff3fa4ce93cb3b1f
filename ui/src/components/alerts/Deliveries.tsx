import { Badge, Table, Text } from "@mantine/core"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { TimeAgo } from "../state/TimeAgo"
import classes from "./alerts.module.css"
import { useDeliveries } from "./queries"

const COLORS: Record<string, string> = { delivered: "teal", retrying: "yellow", failed: "red" }

/** What was sent where, the newest first. */
export function Deliveries() {
  const deliveries = useDeliveries()
  if (deliveries.error) {
    return (
      <ErrorPanel
        error={deliveries.error}
        title="The deliveries could not be read"
        retry={() => void deliveries.refetch()}
      />
    )
  }
  if (!deliveries.data) return <RowSkeletons rows={3} height={44} />
  if (deliveries.data.items.length === 0) {
    return (
      <Empty title="Nothing was sent yet">
        Each attempt to deliver a notice stands here, with what came of it.
      </Empty>
    )
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must take the keyboard
    <section className={classes.scroll} aria-label="Deliveries" tabIndex={0}>
      <Table verticalSpacing="sm" miw={620}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Channel</Table.Th>
            <Table.Th>Told</Table.Th>
            <Table.Th>Result</Table.Th>
            <Table.Th>When</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {deliveries.data.items.map((one) => (
            <Table.Tr key={one.id}>
              <Table.Td>{one.channel}</Table.Td>
              <Table.Td>{one.event}</Table.Td>
              <Table.Td>
                <Badge variant="light" color={COLORS[one.result] ?? "gray"}>
                  {one.result}
                </Badge>
                {one.error !== "" && (
                  <Text size="sm" c="dimmed">
                    {one.error} (attempt {one.attempt})
                  </Text>
                )}
              </Table.Td>
              <Table.Td>
                <TimeAgo atMs={one.at_ms} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  )
}
