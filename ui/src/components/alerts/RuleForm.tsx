import {
  Button,
  Group,
  Modal,
  MultiSelect,
  NativeSelect,
  NumberInput,
  Stack,
  Switch,
  TagsInput,
  TextInput,
} from "@mantine/core"
import { type FormEvent, useState } from "react"
import { ALERT_RULE_BOUNDS as BOUNDS } from "../../api/bounds"
import type { Severity, StoredChannel, StoredRule } from "../../api/models"
import { ApiProblem } from "../../api/problem"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { CONDITIONS, fieldLabel, fieldsOf, KINDS, type Kind } from "./conditions"
import { type Draft, draftOf, emptyDraft, ruleOf, withKind } from "./draft"
import { useSaveRule } from "./queries"

const SEVERITIES: Severity[] = ["info", "warning", "critical"]

interface Props {
  /** The rule to change; null: a new one. */
  stored: StoredRule | null
  channels: readonly StoredChannel[]
  /** Whom a new rule is about. */
  agent?: string
  onClose: () => void
}

/** Makes a rule, or changes one. */
export function RuleForm({ stored, channels, agent, onClose }: Props) {
  const [draft, setDraft] = useState<Draft>(() =>
    stored ? draftOf(stored.rule) : emptyDraft(agent),
  )
  const save = useSaveRule(stored?.revision ?? null)
  const set = (changes: Partial<Draft>) => setDraft((before) => ({ ...before, ...changes }))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate(ruleOf(draft, stored?.rule), { onSuccess: onClose })
  }
  const refused = (field: string) =>
    save.error instanceof ApiProblem ? save.error.allowedFor(field) : null
  const { ofAgents } = CONDITIONS[draft.kind]
  return (
    <Modal opened onClose={onClose} title={stored ? stored.rule.name : "New rule"} size="lg">
      <form onSubmit={submit}>
        <Stack>
          {!stored && (
            <TextInput
              label="Name"
              placeholder="payments-open"
              required
              withAsterisk={false}
              data-autofocus
              maxLength={BOUNDS.name.maxLength}
              value={draft.name}
              onChange={(event) => set({ name: event.currentTarget.value })}
              error={refused("name")}
            />
          )}
          <NativeSelect
            label="When"
            value={draft.kind}
            data={KINDS.map((kind) => ({ value: kind, label: CONDITIONS[kind].label }))}
            onChange={(event) => setDraft(withKind(draft, event.currentTarget.value as Kind))}
          />
          {fieldsOf(draft.kind).map(([field, bound]) => (
            <NumberInput
              key={field}
              label={fieldLabel(field)}
              required
              withAsterisk={false}
              allowDecimal={bound.kind === "number"}
              {...(bound.minimum === undefined ? {} : { min: bound.minimum })}
              {...(bound.maximum === undefined ? {} : { max: bound.maximum })}
              value={draft.figures[field] ?? Number(bound.default)}
              onChange={(value) => set({ figures: { ...draft.figures, [field]: value } })}
              error={refused(`when.${field}`)}
            />
          ))}
          {ofAgents && (
            <Group grow align="flex-start">
              <TagsInput
                label="Agents"
                description="Names, with * and ?; none: all"
                maxTags={BOUNDS.agents.maxItems}
                value={draft.agents}
                onChange={(agents) => set({ agents })}
              />
              <TagsInput
                label="Tags"
                description="Agents with one of these; none: all"
                maxTags={BOUNDS.tags.maxItems}
                value={draft.tags}
                onChange={(tags) => set({ tags })}
              />
            </Group>
          )}
          <Group grow align="flex-start">
            <NativeSelect
              label="Severity"
              data={SEVERITIES}
              value={draft.severity}
              onChange={(event) => set({ severity: event.currentTarget.value as Severity })}
            />
            <MultiSelect
              label="Channels"
              data={channels.map(({ channel }) => channel.name)}
              placeholder={draft.channels.length === 0 ? "nobody is told" : ""}
              value={draft.channels}
              onChange={(names) => set({ channels: names })}
            />
          </Group>
          <Group grow align="flex-start">
            <NumberInput
              label="Cooldown (seconds)"
              description="Silence after a notice, per agent"
              min={BOUNDS.cooldown_seconds.minimum}
              max={BOUNDS.cooldown_seconds.maximum}
              value={draft.cooldown}
              onChange={(cooldown) => set({ cooldown })}
              error={refused("cooldown_seconds")}
            />
            <NumberInput
              label="Gather (seconds)"
              description="Waits for others, to be one notice"
              min={BOUNDS.group_seconds.minimum}
              max={BOUNDS.group_seconds.maximum}
              value={draft.group}
              onChange={(group) => set({ group })}
              error={refused("group_seconds")}
            />
          </Group>
          <Quiet draft={draft} set={set} refused={refused} />
          <TextInput
            label="Description"
            description="Stands in the notices: what to do"
            maxLength={BOUNDS.description.maxLength}
            value={draft.description}
            onChange={(event) => set({ description: event.currentTarget.value })}
          />
          <Switch
            label="Also say when it is over"
            checked={draft.notifyResolved}
            onChange={(event) => set({ notifyResolved: event.currentTarget.checked })}
          />
          <Switch
            label="On"
            checked={draft.enabled}
            onChange={(event) => set({ enabled: event.currentTarget.checked })}
          />
          {save.error && <ErrorPanel error={save.error} title="The rule was not saved" />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={save.isPending} disabled={draft.name.trim() === ""}>
              Save the rule
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}

interface QuietProps {
  draft: Draft
  set: (changes: Partial<Draft>) => void
  refused: (field: string) => string | null
}

function Quiet({ draft, set, refused }: QuietProps) {
  return (
    <>
      <Switch
        label="Quiet hours: notices wait for the end of them"
        checked={draft.quiet}
        onChange={(event) => set({ quiet: event.currentTarget.checked })}
      />
      {draft.quiet && (
        <Group grow align="flex-start">
          <TextInput
            label="From"
            type="time"
            required
            withAsterisk={false}
            value={draft.quietStart}
            onChange={(event) => set({ quietStart: event.currentTarget.value })}
          />
          <TextInput
            label="To"
            type="time"
            required
            withAsterisk={false}
            value={draft.quietEnd}
            onChange={(event) => set({ quietEnd: event.currentTarget.value })}
          />
          <TextInput
            label="Time zone"
            required
            withAsterisk={false}
            value={draft.quietZone}
            onChange={(event) => set({ quietZone: event.currentTarget.value })}
            error={refused("quiet_hours[0].time_zone")}
          />
        </Group>
      )}
    </>
  )
}
