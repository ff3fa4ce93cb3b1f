import { Text, Title } from "@mantine/core"
import { useMemo } from "react"
import { useRecentFailures } from "../components/charts/rangeQueries"
import { RANGES, type RangeName } from "../components/charts/ranges"
import { type Share, sharesOf } from "../components/charts/shares"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { RowSkeletons } from "../components/feedback/Skeletons"
import { count } from "../lib/format"
import classes from "./AgentPage.module.css"

const SHOWN = 6

interface Props {
  agent: string
  range: RangeName
}

/** What failed and where, of the newest failures of the range. */
export function FailuresPanel({ agent, range }: Props) {
  const { data, error, refetch } = useRecentFailures(agent, range)
  const items = data?.items
  const kinds = useMemo(
    () => sharesOf((items ?? []).map((item) => item.failure_kind || item.kind)),
    [items],
  )
  const label = RANGES.find(({ value }) => value === range)?.label
  return (
    <section className={classes.panel} aria-labelledby="failures-head">
      <div className={classes.panelHead}>
        <Title order={2} id="failures-head">
          Failures
        </Title>
        <Text size="xs" c="dimmed" className="fl-num">
          {items === undefined
            ? ""
            : data?.cut
              ? `the newest ${count(items.length)} of the last ${label}`
              : `${count(items.length)} in the last ${label}`}
        </Text>
      </div>
      {items === undefined ? (
        error !== null ? (
          <ErrorPanel error={error} title="The failures could not be read" retry={refetch} />
        ) : (
          <RowSkeletons rows={3} height={24} />
        )
      ) : items.length === 0 ? (
        <Text size="sm" c="dimmed">
          No call failed in this range.
        </Text>
      ) : (
        <div className={classes.shares}>
          <Shares title="By kind" shares={kinds} />
        </div>
      )}
    </section>
  )
}

function Shares({ title, shares }: { title: string; shares: Share[] }) {
  const rest = shares.slice(SHOWN).reduce((sum, share) => sum + share.count, 0)
  const most = shares[0]?.count ?? 1
  return (
    <div>
      <h3>{title}</h3>
      {shares.slice(0, SHOWN).map((share) => (
        <div key={share.name} className={classes.share}>
          <div className={classes.shareFill} style={{ width: `${(share.count / most) * 100}%` }} />
          <span>{share.name}</span>
          <span className="fl-num">{count(share.count)}</span>
        </div>
      ))}
      {rest > 0 && (
        <div className={classes.share}>
          <span>others</span>
          <span className="fl-num">{count(rest)}</span>
        </div>
      )}
    </div>
  )
}
