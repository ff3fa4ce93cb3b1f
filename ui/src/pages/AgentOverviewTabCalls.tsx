import { Table, Text, Title } from "@mantine/core"
import { useRecentCalls } from "../components/charts/rangeQueries"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { RowSkeletons } from "../components/feedback/Skeletons"
import { TimeAgo } from "../components/state/TimeAgo"
import { TraceId } from "../components/timeline/TraceId"
import { titleOf, tookWords } from "../components/timeline/words"
import classes from "./AgentPage.module.css"

const ROWS = 20

/** The calls that ended last. */
export function RecentCalls({ agent }: { agent: string }) {
  const { data, error, refetch } = useRecentCalls(agent, ROWS)
  return (
    <section className={classes.panel} aria-labelledby="calls-head">
      <Title order={2} id="calls-head" mb="xs">
        Recent calls
      </Title>
      {data === undefined ? (
        error !== null ? (
          <ErrorPanel error={error} title="The calls could not be read" retry={refetch} />
        ) : (
          <RowSkeletons rows={ROWS} height={28} />
        )
      ) : data.items.length === 0 ? (
        <Text size="sm" c="dimmed">
          Nobody has called it yet; its calls will stand here as they end.
        </Text>
      ) : (
        <div className={`${classes.calls} fl-scroll`}>
          <Table verticalSpacing={4} fz="sm" miw={520}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Ended</Table.Th>
                <Table.Th>Result</Table.Th>
                <Table.Th ta="right">Took</Table.Th>
                <Table.Th>Worker</Table.Th>
                <Table.Th>Trace</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {data.items.toReversed().map((item) => {
                const failed = item.kind === "failure" || item.kind === "timeout"
                return (
                  <Table.Tr key={item.id}>
                    <Table.Td>
                      <TimeAgo atMs={item.at_ms} />
                    </Table.Td>
                    <Table.Td>
                      <span
                        className={
                          failed ? classes.bad : item.kind === "success" ? classes.good : ""
                        }
                      >
                        {titleOf(item)}
                      </span>
                      {failed && item.failure_kind && ` ${item.failure_kind}`}
                      {item.permit && " (probe)"}
                    </Table.Td>
                    <Table.Td ta="right" className="fl-num">
                      {item.duration_ms === undefined ? "–" : tookWords(item.duration_ms)}
                    </Table.Td>
                    <Table.Td>{item.worker ?? "–"}</Table.Td>
                    <Table.Td>{item.trace_id ? <TraceId id={item.trace_id} /> : "–"}</Table.Td>
                  </Table.Tr>
                )
              })}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  )
}
