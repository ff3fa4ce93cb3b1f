import { Button, Group, Stack, Text, TextInput, Title } from "@mantine/core"
import { OVERRIDE_BOUNDS } from "../../api/bounds"
import { counted } from "../../lib/format"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { Changes } from "./Changes"
import type { Change } from "./flat"
import classes from "./form.module.css"

interface Props {
  editing: boolean
  changes: readonly Change[]
  problems: number
  defaults: object
  reason: string
  saving: boolean
  failure: Error | null
  onReason: (reason: string) => void
  onDiscard: () => void
}

/** What a save changes, why, and the save itself. */
export function SavePanel(props: Props) {
  const { editing, changes, problems, defaults, reason, saving, failure } = props
  const idle = editing && changes.length === 0 && problems === 0
  return (
    <section className={classes.section} aria-labelledby="save">
      <Stack gap="md">
        <Title order={2} id="save">
          {editing ? "What changes on save" : "Register"}
        </Title>
        {editing && changes.length === 0 && (
          <Text size="sm" c="dimmed">
            Nothing yet.
          </Text>
        )}
        {editing && changes.length > 0 && <Changes changes={changes} defaults={defaults} />}
        {failure !== null && (
          <ErrorPanel
            error={failure}
            title={editing ? "The changes were not saved" : "The agent was not registered"}
          />
        )}
        {!idle && (
          <TextInput
            label="Reason"
            description="Why; it stands in the history"
            placeholder={editing ? "fewer false alarms at night" : "new supplier"}
            maxLength={OVERRIDE_BOUNDS.reason.maxLength}
            value={reason}
            onChange={(event) => props.onReason(event.currentTarget.value)}
          />
        )}
        <Group gap="sm">
          <Button type="submit" disabled={idle} loading={saving}>
            {editing ? "Save changes" : "Create agent"}
          </Button>
          {editing && !idle && (
            <Button variant="default" onClick={props.onDiscard}>
              Discard
            </Button>
          )}
          {problems > 0 && (
            <Text size="sm" c="var(--mantine-color-error)" role="status">
              {counted(problems, "field")} to correct
            </Text>
          )}
        </Group>
      </Stack>
    </section>
  )
}
