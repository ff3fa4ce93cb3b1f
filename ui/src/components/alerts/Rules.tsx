import { Button, Group, Stack, Table, Text } from "@mantine/core"
import { useState } from "react"
import type { StoredChannel, StoredRule } from "../../api/models"
import { useMay } from "../../api/queries"
import { DataCell, DataTable } from "../DataTable"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { TimeAgo } from "../state/TimeAgo"
import { Tag } from "../Tag"
import classes from "./alerts.module.css"
import { CONDITIONS, conditionText } from "./conditions"
import { useChannels, useDeleteRule, useRules } from "./queries"
import { RuleForm } from "./RuleForm"
import { SeverityBadge } from "./SeverityBadge"

interface Props {
  /** Only rules that may be about this agent. */
  agent?: string
  /** Which rules are shown. */
  shows?: (stored: StoredRule) => boolean
}

/** The rules, with what can be done to them. */
export function Rules({ agent, shows }: Props) {
  const rules = useRules()
  const channels = useChannels()
  const may = useMay("operator")
  const [editing, setEditing] = useState<StoredRule | "new" | null>(null)
  if (rules.error) {
    return (
      <ErrorPanel
        error={rules.error}
        title="The rules could not be read"
        retry={() => void rules.refetch()}
      />
    )
  }
  if (!rules.data) return <RowSkeletons rows={3} height={44} />
  const shown = shows ? rules.data.items.filter(shows) : rules.data.items
  const add = (
    <Button onClick={() => setEditing("new")} disabled={!may}>
      New rule
    </Button>
  )
  return (
    <Stack gap="sm">
      {shown.length === 0 ? (
        <Empty title="No rules yet" action={add}>
          A rule says when somebody is told, and by which channels. Without one nobody is.
        </Empty>
      ) : (
        <>
          <Group justify="flex-end">{add}</Group>
          <RuleTable rules={shown} may={may} onEdit={setEditing} />
        </>
      )}
      {editing && (
        <RuleForm
          stored={editing === "new" ? null : editing}
          channels={channels.data?.items ?? NO_CHANNELS}
          {...(agent === undefined ? {} : { agent })}
          onClose={() => setEditing(null)}
        />
      )}
    </Stack>
  )
}

const COLUMNS = ["Rule", "When", "Agents", "Tells", "Changed", ""]
const NO_CHANNELS: readonly StoredChannel[] = []

interface TableProps {
  rules: readonly StoredRule[]
  may: boolean
  onEdit: (rule: StoredRule) => void
}

function RuleTable({ rules, may, onEdit }: TableProps) {
  const remove = useDeleteRule()
  return (
    <>
      {remove.error && <ErrorPanel error={remove.error} title="The rule was not removed" />}
      <DataTable label="Rules" columns={COLUMNS}>
        {rules.map((stored) => (
          <Table.Tr key={stored.rule.name}>
            <DataCell of="Rule">
              <Group gap={6}>
                <b>{stored.rule.name}</b>
                <SeverityBadge severity={stored.rule.severity ?? "warning"} />
                {stored.rule.enabled === false && <Tag tone="off">off</Tag>}
              </Group>
            </DataCell>
            <DataCell of="When">{conditionText(stored.rule.when)}</DataCell>
            <DataCell of="Agents">{scopeText(stored)}</DataCell>
            <DataCell of="Tells">{stored.rule.channels?.join(", ") || "nobody"}</DataCell>
            <DataCell of="Changed">
              <TimeAgo atMs={stored.updated_ms} />{" "}
              <Text span size="sm" c="dimmed">
                by {stored.updated_by}
              </Text>
            </DataCell>
            <DataCell of="">
              {may && (
                <Group gap={6} wrap="nowrap" className={classes.actions ?? ""}>
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={`Change ${stored.rule.name}`}
                    onClick={() => onEdit(stored)}
                  >
                    Change
                  </Button>
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={`Remove ${stored.rule.name}`}
                    loading={remove.isPending && remove.variables?.name === stored.rule.name}
                    onClick={() =>
                      remove.mutate({ name: stored.rule.name, revision: stored.revision })
                    }
                  >
                    Remove
                  </Button>
                </Group>
              )}
            </DataCell>
          </Table.Tr>
        ))}
      </DataTable>
    </>
  )
}

function scopeText({ rule }: StoredRule): string {
  if (!CONDITIONS[rule.when.kind].ofAgents) return "–"
  const parts = [...(rule.agents ?? []), ...(rule.tags ?? []).map((tag) => `#${tag}`)]
  return parts.join(" ") || "all"
}
