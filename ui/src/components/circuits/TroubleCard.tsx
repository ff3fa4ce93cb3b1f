import { Skeleton } from "@mantine/core"
import { Link } from "@tanstack/react-router"
import { memo, Suspense } from "react"
import { useCircuit } from "../../api/queries"
import { useCircuitRow, useIsOld } from "../../api/useStream"
import { lazily } from "../../lib/lazily"
import { LOOKS, shownOf } from "../../lib/shown"
import { whyOf } from "../../lib/why"
import { LastSeen } from "../state/LastSeen"
import { StateBadge } from "../state/StateBadge"
import { TimeAgo } from "../state/TimeAgo"
import classes from "./circuits.module.css"
import { Outlook } from "./Outlook"
import { RateBar } from "./RateBar"
import { Sparkline } from "./Sparkline"
import { Streak } from "./Streak"

const ControlMenu = lazily(() =>
  import("../control/ControlMenu").then((module) => module.ControlMenu),
)

/** One circuit in trouble: what, why, since when, what next, and what can be done. */
export const TroubleCard = memo(function TroubleCard({ agent }: { agent: string }) {
  const row = useCircuitRow(agent)
  const { data } = useCircuit(agent)
  const isOld = useIsOld()
  if (row === undefined) return null
  const shown = shownOf(row)
  return (
    <article
      className={classes.card}
      data-tone={LOOKS[shown].tone}
      data-old={isOld}
      aria-label={agent}
    >
      <div className={classes.cardHead}>
        <Link to="/agents/$name" params={{ name: agent }} className={classes.cardName}>
          {agent}
        </Link>
        <StateBadge shown={shown} />
        <Suspense fallback={null}>
          <ControlMenu agent={agent} compact />
        </Suspense>
      </div>
      <p className={classes.why}>
        {whyOf(row, data, isOld) ?? <Skeleton component="span" display="block" h="1.1em" w="80%" />}
      </p>
      <div className={classes.cardFigures}>
        <div className={classes.cardRules}>
          <span className={classes.term}>Rate</span>
          <RateBar row={row} long />
          <span className={classes.term}>Streak</span>
          <Streak row={row} />
        </div>
        <Sparkline parts={row.spark} width={120} height={40} />
      </div>
      <div className={classes.cardFoot}>
        <Outlook row={row} />
        <span className={classes.since}>
          {isOld ? <LastSeen /> : row.since_ms > 0 && <TimeAgo atMs={row.since_ms} />}
        </span>
      </div>
    </article>
  )
})
