import { Table, Text } from "@mantine/core"
import type { ComponentProps } from "react"
import { DataCell, DataTable } from "../DataTable"
import { FirstFew } from "../FirstFew"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { TimeAgo } from "../state/TimeAgo"
import { Tag } from "../Tag"
import { useDeliveries } from "./queries"

const COLUMNS = ["Channel", "Told", "Result", "When"]
const TONES: Record<string, ComponentProps<typeof Tag>["tone"]> = {
  delivered: "closed",
  retrying: "half_open",
  failed: "open",
}

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
    <FirstFew items={deliveries.data.items}>
      {(shown) => (
        <DataTable label="Deliveries" columns={COLUMNS}>
          {shown.map((one) => (
            <Table.Tr key={one.id}>
              <DataCell of="Channel">{one.channel}</DataCell>
              <DataCell of="Told">{one.event}</DataCell>
              <DataCell of="Result">
                <Tag tone={TONES[one.result] ?? "off"}>{one.result}</Tag>
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
      )}
    </FirstFew>
  )
}
