import { Badge, Button, Group, Stack, Table, Text } from "@mantine/core"
import { useState } from "react"
import type { StoredChannel, StoredRule } from "../../api/models"
import { useMay } from "../../api/queries"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { TimeAgo } from "../state/TimeAgo"
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
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must take the keyboard */}
      <section className={classes.scroll} aria-label="Rules" tabIndex={0}>
        <Table verticalSpacing="sm" miw={760}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Rule</Table.Th>
              <Table.Th>When</Table.Th>
              <Table.Th>Agents</Table.Th>
              <Table.Th>Tells</Table.Th>
              <Table.Th>Changed</Table.Th>
              <Table.Th>
                <span className="fl-hidden">Actions</span>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rules.map((stored) => (
              <Table.Tr key={stored.rule.name}>
                <Table.Td fw={550}>
                  <Group gap={6}>
                    {stored.rule.name}
                    <SeverityBadge severity={stored.rule.severity ?? "warning"} />
                    {stored.rule.enabled === false && (
                      <Badge variant="light" color="gray">
                        off
                      </Badge>
                    )}
                  </Group>
                </Table.Td>
                <Table.Td>{conditionText(stored.rule.when)}</Table.Td>
                <Table.Td>{scopeText(stored)}</Table.Td>
                <Table.Td>{stored.rule.channels?.join(", ") || "nobody"}</Table.Td>
                <Table.Td>
                  <TimeAgo atMs={stored.updated_ms} />{" "}
                  <Text span size="sm" c="dimmed">
                    by {stored.updated_by}
                  </Text>
                </Table.Td>
                <Table.Td ta="right">
                  {may && (
                    <Group gap={6} justify="flex-end" wrap="nowrap">
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
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </section>
    </>
  )
}

function scopeText({ rule }: StoredRule): string {
  if (!CONDITIONS[rule.when.kind].ofAgents) return "–"
  const parts = [...(rule.agents ?? []), ...(rule.tags ?? []).map((tag) => `#${tag}`)]
  return parts.join(" ") || "all"
}
