import { Skeleton, Title } from "@mantine/core"
import { Link } from "@tanstack/react-router"
import type { CircuitSummary } from "../api/models"
import { useCircuit } from "../api/queries"
import { useCircuitRow, useIsOld } from "../api/useStream"
import { RuleBars } from "../components/charts/RuleBars"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { RowSkeletons } from "../components/feedback/Skeletons"
import { Countdown } from "../components/state/Countdown"
import { LastSeen } from "../components/state/LastSeen"
import { ModeBadge } from "../components/state/ModeBadge"
import { StateBadge } from "../components/state/StateBadge"
import { TimeAgo } from "../components/state/TimeAgo"
import { counted, duration } from "../lib/format"
import { LOOKS, shownOf } from "../lib/shown"
import { whyOf } from "../lib/why"
import classes from "./AgentPage.module.css"

/** The state, why, what comes next, and every figure beside its threshold. */
export function StatePanel({ agent }: { agent: string }) {
  const { data, error, refetch } = useCircuit(agent)
  const live = useCircuitRow(agent)
  const isOld = useIsOld()
  const row = live ?? data?.circuit
  if (row === undefined) {
    return error !== null ? (
      <ErrorPanel error={error} title="The circuit could not be read" retry={refetch} />
    ) : (
      <section className={classes.panel} aria-busy="true">
        <Skeleton h={28} w={120} mb="sm" />
        <RowSkeletons rows={8} height={42} />
      </section>
    )
  }
  return (
    <section
      className={`${classes.panel} ${classes.state} ${isOld ? classes.old : ""}`}
      data-tone={LOOKS[shownOf(row)].tone}
      aria-label="State"
    >
      <div className={classes.stateHead}>
        <StateBadge row={row} />
        <ModeBadge mode={row.mode} untilMs={row.mode_until_ms} />
        {row.since_ms > 0 && (
          <span>
            <TimeAgo atMs={row.since_ms} />
          </span>
        )}
        {isOld && <LastSeen />}
      </div>
      <p className={classes.why}>{whyOf(row, data, isOld) ?? LOOKS[shownOf(row)].meaning}</p>
      <Next row={row} />
      <Title order={2} mb="sm">
        {row.thresholds === null
          ? "Window"
          : `Window of ${duration(row.thresholds.window_size_seconds)}`}
      </Title>
      <RuleBars row={row} />
      {data?.last_transition && (
        <Link
          className={classes.link}
          to="/agents/$name/timeline"
          params={{ name: agent }}
          search={{
            from: data.last_transition.at_ms - 120_000,
            to: data.last_transition.at_ms + 60_000,
            sel: data.last_transition.id,
          }}
        >
          Explain the last transition
        </Link>
      )}
    </section>
  )
}

function Next({ row }: { row: CircuitSummary }) {
  const limit = row.thresholds?.half_open_max_calls ?? 0
  const trials = counted(limit, "call")
  if (row.mode !== "auto") return <p className={classes.next}>{LOOKS[shownOf(row)].meaning}.</p>
  if (row.state === "open" && row.open_until_ms !== null) {
    return (
      <p className={classes.next}>
        Tries again in{" "}
        <strong>
          <Countdown untilMs={row.open_until_ms} />
        </strong>{" "}
        with {trials}.
      </p>
    )
  }
  if (row.state === "half_open") {
    return (
      <p className={`${classes.next} fl-num`}>
        <strong>{row.probes_out}</strong> of {counted(limit, "probe")} out,{" "}
        <strong>{row.probe_successes}</strong> succeeded.
      </p>
    )
  }
  return <p className={classes.next}>{LOOKS[shownOf(row)].meaning}.</p>
}
