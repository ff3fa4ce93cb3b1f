import { Button, Group, Text } from "@mantine/core"
import { useParams } from "@tanstack/react-router"
import { useMemo } from "react"
import type { TimelineItem } from "../api/models"
import { useLiveTimeline } from "../components/charts/useChangeTick"
import { Empty } from "../components/feedback/Empty"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { RowSkeletons } from "../components/feedback/Skeletons"
import { TimeAgo } from "../components/state/TimeAgo"
import { auditEntries, type Entry } from "../components/timeline/audit"
import { useAudit, useRemovals } from "../components/timeline/auditQueries"
import { sentence } from "../components/timeline/ExplanationPanel"
import { nameOf, Settings, settingText } from "../components/timeline/Settings"
import { titleOf } from "../components/timeline/words"
import { exactTime } from "../lib/format"
import classes from "./AgentPage.module.css"

/** Who changed what of an agent, and why. */
export function AgentAuditTab() {
  const { name } = useParams({ from: "/shell/agents/$name/audit" })
  useLiveTimeline(name)
  const audit = useAudit(name)
  const removals = useRemovals(name)
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = audit
  const entries = useMemo(
    () =>
      auditEntries(
        (data?.pages ?? []).flatMap((page) => page.items),
        removals.data ?? [],
      ),
    [data, removals.data],
  )
  if (data === undefined) {
    return error !== null ? (
      <ErrorPanel error={error} title="The audit could not be read" retry={refetch} />
    ) : (
      <RowSkeletons rows={6} height={84} />
    )
  }
  if (entries.length === 0) {
    return (
      <Empty title="Nobody has changed anything yet">
        Changes of settings and operators' overrides stand here, with their authors and reasons.
      </Empty>
    )
  }
  return (
    <>
      <ol className={classes.audit}>
        {entries.map((entry) => (
          <AuditEntry key={entry.item.id} entry={entry} />
        ))}
      </ol>
      {hasNextPage && (
        <Group justify="center" mt="md">
          <Button
            variant="default"
            loading={isFetchingNextPage}
            onClick={() => void fetchNextPage()}
          >
            Show older ones
          </Button>
        </Group>
      )}
    </>
  )
}

function AuditEntry({ entry: { item, changes, begun } }: { entry: Entry }) {
  return (
    <li className={classes.entry}>
      <div className={classes.entryHead}>
        <Text fw={600}>{headOf(item, begun !== null)}</Text>
        {item.actor && <Text size="sm">by {item.actor}</Text>}
        <Text size="sm" c="dimmed" className={classes.entryWhen ?? ""}>
          <TimeAgo atMs={item.at_ms} /> · {exactTime(item.at_ms)}
        </Text>
      </div>
      {item.reason !== "registered" && (
        <Text size="sm">{sentence(item.reason ? item.reason : (item.why ?? ""))}</Text>
      )}
      {begun !== null && (
        <details>
          <summary>The settings it began with</summary>
          <Settings settings={begun} />
        </details>
      )}
      {item.until && (
        <Text size="sm" c="dimmed">
          Until {exactTime(Date.parse(item.until))}
        </Text>
      )}
      {changes.length > 0 && (
        <table className={`${classes.diff} fl-cards`}>
          <thead>
            <tr>
              <th>Setting</th>
              <th>Before</th>
              <th>After</th>
            </tr>
          </thead>
          <tbody>
            {changes.map(({ field, before, after }) => (
              <tr key={field}>
                <td>{nameOf(field)}</td>
                <td className="fl-num" data-label="Before">
                  <del>{settingText(field, before)}</del>
                </td>
                <td className="fl-num" data-label="After">
                  <ins>{settingText(field, after)}</ins>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </li>
  )
}

function headOf(item: TimelineItem, isFirst: boolean): string {
  if (item.kind === "transition") return "Removed"
  if (item.kind !== "config") return titleOf(item)
  const revision = item.revision === undefined ? "" : `, revision ${item.revision}`
  return `${isFirst ? "Registered" : "Settings changed"}${revision}`
}
