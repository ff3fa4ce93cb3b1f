import { Alert, Button, Group, Stack, Text } from "@mantine/core"
import { type FormEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react"
import type { Tagged } from "../../api/client"
import type { AgentResponse, CircuitBreakerConfig } from "../../types/agent"
import { ConflictDialog } from "./ConflictDialog"
import { BREAKER, ENABLED } from "./fields"
import { breakerOf } from "./flat"
import classes from "./form.module.css"
import { MeaningPanel } from "./MeaningPanel"
import { SavePanel } from "./SavePanel"
import { BreakerSection, ConnectionSection, IdentitySection, RetentionSection } from "./sections"
import { useAgentForm } from "./useAgentForm"
import { useSave } from "./useSave"

interface Props {
  /** What is stored, with its ETag; absent: a new agent. */
  stored?: Tagged<AgentResponse>
  /** What the server takes where an agent names nothing. */
  defaults: CircuitBreakerConfig
  /** Shown, but not to be changed. */
  readOnly?: boolean
  /** Draws what the settings as they stand would have done; null: some are none yet. */
  tried?: (config: CircuitBreakerConfig | null) => ReactNode
  onSaved?: (agent: AgentResponse) => void
  /** Told whether anything typed would be lost. */
  onDirty?: (dirty: boolean) => void
}

/** Creates an agent, or changes one. */
export function AgentForm({ stored, defaults, readOnly = false, tried, onSaved, onDirty }: Props) {
  const form = useAgentForm(stored)
  const [reason, setReason] = useState("")
  const element = useRef<HTMLFormElement>(null)
  const saving = useSave(form, (agent) => {
    setReason("")
    onDirty?.(false)
    onSaved?.(agent)
  })
  const { base, state, errors, changes, newer } = form
  const problems = Object.keys(form.visible).length
  const dirty = changes.length > 0 || problems > 0 || (base === null && state.name !== "")
  useEffect(() => onDirty?.(dirty), [dirty, onDirty])

  const toggle = state.texts[ENABLED.path]
  const enabled = toggle === "" ? defaults.enabled : toggle === "true"
  const whole = !Object.keys(errors).some((path) => path.startsWith(`${BREAKER}.`))
  const config = useMemo(
    () => (whole ? breakerOf(form.flat, defaults) : null),
    [whole, form.flat, defaults],
  )
  const section = { state, errors: form.visible, defaults, onChange: form.change }

  const submit = (event: FormEvent) => {
    event.preventDefault()
    form.attempt()
    if (Object.keys(errors).length === 0) saving.save(reason)
    else setTimeout(() => firstWrong(element.current)?.focus())
  }

  return (
    <form ref={element} className={classes.form} onSubmit={submit} noValidate>
      <fieldset disabled={readOnly} style={{ border: 0, padding: 0, margin: 0, minWidth: 0 }}>
        <div className={classes.layout}>
          <Stack gap="lg">
            {newer !== null && base !== null && (
              <Alert color="indigo" title="Changed meanwhile">
                <Group justify="space-between">
                  <Text size="sm">
                    {newer.data.updated_by} has saved this agent since you began.
                  </Text>
                  <Button
                    size="xs"
                    variant="default"
                    onClick={() => saving.compare(newer, base.flat, form.flat)}
                  >
                    Compare
                  </Button>
                </Group>
              </Alert>
            )}
            <IdentitySection {...section} naming={base === null} />
            <ConnectionSection {...section} shownHeaders={form.shownHeaders} />
            <BreakerSection {...section} enabled={enabled} initial={form.initial} />
            <RetentionSection {...section} />
          </Stack>
          <Stack gap="lg" className={classes.aside ?? ""}>
            <MeaningPanel config={config} />
            {tried?.(config)}
            {!readOnly && (
              <SavePanel
                editing={base !== null}
                changes={changes}
                problems={problems}
                defaults={defaults}
                reason={reason}
                saving={saving.saving}
                failure={saving.failure}
                onReason={setReason}
                onDiscard={form.reset}
              />
            )}
          </Stack>
        </div>
      </fieldset>
      {saving.conflict !== null && (
        <ConflictDialog
          differences={saving.differences}
          updatedBy={saving.conflict.theirs.agent.updated_by}
          updatedAtMs={saving.conflict.theirs.agent.updated_at_ms}
          defaults={defaults}
          saving={saving.saving}
          onSave={(sides) => saving.resolve(sides, reason)}
          onTakeTheirs={saving.takeTheirs}
          onClose={saving.dismiss}
        />
      )}
    </form>
  )
}

function firstWrong(form: HTMLFormElement | null): HTMLElement | null {
  return form?.querySelector<HTMLElement>('[aria-invalid="true"]') ?? null
}
