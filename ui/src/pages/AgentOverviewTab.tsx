import { SegmentedControl, Skeleton, Stack, Text, Title } from "@mantine/core"
import { useParams } from "@tanstack/react-router"
import { useState } from "react"
import { ApiProblem } from "../api/problem"
import { useCircuit } from "../api/queries"
import { LatencyChart } from "../components/charts/LatencyChart"
import { useRangeCounts } from "../components/charts/rangeQueries"
import { isRange, RANGES, type RangeName } from "../components/charts/ranges"
import { ThroughputChart } from "../components/charts/ThroughputChart"
import { useLiveTimeline } from "../components/charts/useChangeTick"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { RecentCalls } from "./AgentOverviewTabCalls"
import { FailuresPanel } from "./AgentOverviewTabFailures"
import { StatePanel } from "./AgentOverviewTabState"
import { WorkersPanel } from "./AgentOverviewTabWorkers"
import classes from "./AgentPage.module.css"

const CHARTS_PX = 500

/** How an agent does: its state and why, its calls, its failures. */
export function AgentOverviewTab() {
  const { name } = useParams({ from: "/shell/agents/$name/" })
  useLiveTimeline(name)
  const [range, setRange] = useState<RangeName>("15m")
  const counts = useRangeCounts(name, range)
  const circuit = useCircuit(name)
  // The page above says that there is no such agent.
  if (circuit.error instanceof ApiProblem && circuit.error.status === 404) return null
  return (
    <div className={classes.columns}>
      <div className={classes.column}>
        <StatePanel agent={name} />
        <FailuresPanel agent={name} range={range} />
        <WorkersPanel agent={name} range={range} />
      </div>
      <div className={classes.column}>
        <section className={classes.panel} aria-labelledby="charts-head">
          <div className={classes.panelHead}>
            <Title order={2} id="charts-head">
              Calls
            </Title>
            <SegmentedControl
              size="xs"
              aria-label="Range of the charts"
              value={range}
              onChange={(value) => isRange(value) && setRange(value)}
              data={RANGES.map(({ value, label }) => ({ value, label }))}
            />
          </div>
          {counts.data !== undefined ? (
            <div className={classes.charts}>
              <div>
                <h3>Throughput, calls a second</h3>
                <ThroughputChart counts={counts.data} />
              </div>
              <div>
                <h3>Latency of finished calls</h3>
                <LatencyChart counts={counts.data} />
              </div>
              {counts.data.note !== "" && (
                <Text size="xs" c="dimmed">
                  {counts.data.note}
                </Text>
              )}
            </div>
          ) : counts.error !== null ? (
            <ErrorPanel
              error={counts.error}
              title="The counts could not be read"
              retry={counts.refetch}
            />
          ) : (
            <Stack gap="sm" mih={CHARTS_PX}>
              <Skeleton h={CHARTS_PX / 2 - 12} />
              <Skeleton h={CHARTS_PX / 2 - 12} />
            </Stack>
          )}
        </section>
        <RecentCalls agent={name} />
      </div>
    </div>
  )
}
