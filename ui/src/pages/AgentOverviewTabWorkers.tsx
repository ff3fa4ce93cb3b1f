import { Text, Title } from "@mantine/core"
import type { CircuitWorkers } from "../api/models"
import { useWorkers } from "../components/charts/rangeQueries"
import { RANGES, type RangeName } from "../components/charts/ranges"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { RowSkeletons } from "../components/feedback/Skeletons"
import { count, counted, exactTime, percent } from "../lib/format"
import classes from "./AgentPage.module.css"

const SHOWN = 8

interface Props {
  agent: string
  range: RangeName
}

/** Which worker sees the trouble: one with a broken network, or all of them. */
export function WorkersPanel({ agent, range }: Props) {
  const { data, error, refetch } = useWorkers(agent, range)
  const label = RANGES.find(({ value }) => value === range)?.label
  return (
    <section className={classes.panel} aria-labelledby="workers-head">
      <div className={classes.panelHead}>
        <Title order={2} id="workers-head">
          By worker
        </Title>
        <Text size="xs" c="dimmed">
          failures of calls in the last {label}
        </Text>
      </div>
      {data === undefined ? (
        error !== null ? (
          <ErrorPanel error={error} title="The workers could not be read" retry={refetch} />
        ) : (
          <RowSkeletons rows={3} height={24} />
        )
      ) : (
        <Workers found={data} />
      )}
    </section>
  )
}

/** The workers with the most failures, and the quorum that an opening needs. */
export function Workers({ found }: { found: CircuitWorkers }) {
  const { workers, minimum_workers: needed, in_trouble: troubled } = found
  const rest = workers.slice(SHOWN)
  return (
    <>
      {workers.length === 0 && (
        <Text size="sm" c="dimmed">
          No call ended in this range.
        </Text>
      )}
      {workers.slice(0, SHOWN).map((one) => (
        <div key={one.worker ?? ""} className={classes.share}>
          <div className={classes.shareFill} style={{ width: `${one.failure_rate * 100}%` }} />
          <span>{one.worker ?? "unknown"}</span>
          <span className="fl-num">
            {count(one.failures)} of {count(one.calls)}, {percent(one.failure_rate)}
          </span>
        </div>
      ))}
      {rest.length > 0 && (
        <div className={classes.share}>
          <span>{counted(rest.length, "other")}</span>
          <span className="fl-num">
            {count(rest.reduce((sum, one) => sum + one.failures, 0))} of{" "}
            {count(rest.reduce((sum, one) => sum + one.calls, 0))}
          </span>
        </div>
      )}
      {needed > 1 && (
        <Text size="sm" mt={6} data-testid="quorum">
          In trouble now: {counted(troubled, "worker")}; the circuit opens from {count(needed)} on.
        </Text>
      )}
      {found.events >= 20_000 && (
        <Text size="xs" c="dimmed">
          Counted from {exactTime(found.from_ms)} on; before it there is too much to read.
        </Text>
      )}
    </>
  )
}
