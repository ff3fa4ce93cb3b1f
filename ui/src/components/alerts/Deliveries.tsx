import { Badge, Table, Text } from "@mantine/core"
import { DataCell, DataTable } from "../DataTable"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { TimeAgo } from "../state/TimeAgo"
import { useDeliveries } from "./queries"

const COLUMNS = ["Channel", "Told", "Result", "When"]
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
    <DataTable label="Deliveries" columns={COLUMNS}>
      {deliveries.data.items.map((one) => (
        <Table.Tr key={one.id}>
          <DataCell of="Channel">{one.channel}</DataCell>
          <DataCell of="Told">{one.event}</DataCell>
          <DataCell of="Result">
            <Badge variant="light" color={COLORS[one.result] ?? "gray"}>
              {one.result}
            </Badge>
            {one.error !== "" && (
              <Text size="sm" c="dimmed">
                {one.error} (attempt {one.attempt})
              </Text>
            )}
          </DataCell>
          <DataCell of="When">
            <TimeAgo atMs={one.at_ms} />
          </DataCell>
        </Table.Tr>
      ))}
    </DataTable>
  )
}
