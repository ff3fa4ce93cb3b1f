import { SegmentedControl, Switch, Text, Textarea, TextInput, Title } from "@mantine/core"
import { helpOf } from "./check"
import {
  BREAKER_FIELDS,
  BREAKER_GROUPS,
  CONNECTION_FIELDS,
  DESCRIPTION,
  ENABLED,
  IDEMPOTENT,
  NAME,
  PROTOCOL,
  RETENTION_FIELDS,
  URL_FIELD,
  WHEN_OPEN,
} from "./fields"
import classes from "./form.module.css"
import type { Errors, FormState } from "./formState"
import { HeaderRows } from "./HeaderRows"
import { ListField } from "./ListField"
import { PARTS } from "./parts"
import { ScalarField } from "./ScalarField"

export interface SectionProps {
  state: FormState
  errors: Errors
  /** The server's defaults of the breaker. */
  defaults: { enabled: boolean }
  onChange: (change: Partial<FormState>) => void
}

/** Draws the fields of settings. */
function scalarOf({ state, errors, defaults, onChange }: SectionProps) {
  return (field: typeof PROTOCOL) => (
    <ScalarField
      key={field.path}
      field={field}
      text={state.texts[field.path] ?? (field.path in state.texts ? null : "")}
      error={errors[field.path]}
      defaults={defaults}
      onChange={(text) => onChange({ texts: { ...state.texts, [field.path]: text } })}
    />
  )
}

interface IdentityProps extends SectionProps {
  /** Whether the name is still to be chosen. */
  naming: boolean
}

/** What it is called, and by which words it is found. */
export function IdentitySection({ naming, ...props }: IdentityProps) {
  const { state, errors, onChange } = props
  return (
    <section className={classes.section} aria-labelledby="identity">
      <div className={classes.head}>
        <Title order={2} id="identity">
          Identity
        </Title>
      </div>
      <div className={classes.grid}>
        {naming && (
          <TextInput
            label={NAME.label}
            description={helpOf(NAME)}
            inputWrapperOrder={PARTS}
            placeholder="billing-agent"
            value={state.name}
            error={errors.name}
            required
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => onChange({ name: event.currentTarget.value })}
          />
        )}
        <div className={naming ? undefined : classes.wide}>
          <ListField
            name="tags"
            list={state.lists.tags}
            error={errors.tags}
            onChange={(tags) => onChange({ lists: { ...state.lists, tags } })}
          />
        </div>
        <Textarea
          className={classes.wide ?? ""}
          label={DESCRIPTION.label}
          autosize
          minRows={2}
          value={state.texts.description ?? ""}
          error={errors.description}
          onChange={(event) =>
            onChange({ texts: { ...state.texts, description: event.currentTarget.value } })
          }
        />
      </div>
    </section>
  )
}

interface ConnectionProps extends SectionProps {
  shownHeaders: ReadonlyMap<string, string>
}

/** Where it is and how it is called. */
export function ConnectionSection({ shownHeaders, ...props }: ConnectionProps) {
  const { state, errors, onChange } = props
  const scalar = scalarOf(props)
  const list = (name: "failure_statuses" | "ignored_statuses") => (
    <ListField
      name={name}
      list={state.lists[name]}
      error={errors[name]}
      onChange={(value) => onChange({ lists: { ...state.lists, [name]: value } })}
    />
  )
  return (
    <section className={classes.section} aria-labelledby="connection">
      <div className={classes.head}>
        <Title order={2} id="connection">
          Connection
        </Title>
        <SegmentedControl
          size="xs"
          aria-label="How the agent is called"
          value={state.reach}
          onChange={(value) => onChange({ reach: value === "code" ? "code" : "url" })}
          data={[
            { value: "url", label: "At an address" },
            { value: "code", label: "By a worker's code" },
          ]}
        />
      </div>
      {state.reach === "code" ? (
        <Text size="sm" c="dimmed">
          A worker's own code makes the calls, through a breaker of this name. There is nothing more
          to set.
        </Text>
      ) : (
        <>
          <div className={classes.grid}>
            <TextInput
              label={URL_FIELD.label}
              description={helpOf(URL_FIELD)}
              inputWrapperOrder={PARTS}
              placeholder="https://billing.example.com/agent"
              inputMode="url"
              value={state.texts.url ?? ""}
              error={errors.url}
              required
              autoComplete="off"
              spellCheck={false}
              onChange={(event) =>
                onChange({ texts: { ...state.texts, url: event.currentTarget.value } })
              }
            />
            {scalar(PROTOCOL)}
            <div className={classes.wide}>
              <HeaderRows
                rows={state.headers}
                shown={shownHeaders}
                errors={errors}
                onChange={(headers) => onChange({ headers })}
              />
            </div>
          </div>
          <h3 className={classes.group}>Times, retries, sizes</h3>
          <div className={classes.grid}>
            {CONNECTION_FIELDS.map(scalar)}
            {scalar(IDEMPOTENT)}
          </div>
          <h3 className={classes.group}>Answers and tasks</h3>
          <div className={classes.grid}>
            {list("failure_statuses")}
            {list("ignored_statuses")}
            {scalar(WHEN_OPEN)}
          </div>
        </>
      )}
    </section>
  )
}

/** How long its calls are kept. */
export function RetentionSection(props: SectionProps) {
  return (
    <section className={classes.section} aria-labelledby="retention">
      <div className={classes.head}>
        <Title order={2} id="retention">
          Retention
        </Title>
      </div>
      <div className={classes.grid}>{RETENTION_FIELDS.map(scalarOf(props))}</div>
      <Text size="sm" c="dimmed" mt="xs">
        Empty: as set for all agents. 0: for ever. Transitions and counts are kept much longer.
      </Text>
    </section>
  )
}

interface BreakerProps extends SectionProps {
  enabled: boolean
  /** What the fields were loaded with. */
  initial: FormState
}

/** When the circuit opens and how it comes back. */
export function BreakerSection({ enabled, initial, ...props }: BreakerProps) {
  const { state, errors, defaults, onChange } = props
  const scalar = scalarOf(props)
  const toggle = (on: boolean) => {
    // Back where it was is no change, however it was said.
    const first = initial.texts[ENABLED.path] ?? ""
    const was = first === "" ? defaults.enabled : first === "true"
    const text = on === was ? first : on === defaults.enabled ? "" : String(on)
    const texts = { ...state.texts, [ENABLED.path]: text }
    // What is wrong cannot be mended once it is out of sight.
    for (const { path } of BREAKER_FIELDS)
      if (!on && errors[path]) texts[path] = initial.texts[path] ?? null
    onChange({ texts })
  }
  return (
    <section className={classes.section} aria-labelledby="breaker">
      <div className={classes.head}>
        <Title order={2} id="breaker">
          Circuit Breaker
        </Title>
        <Switch
          label={enabled ? "Enabled" : "Disabled"}
          aria-label="Circuit breaker enabled"
          checked={enabled}
          onChange={(event) => toggle(event.currentTarget.checked)}
        />
      </div>
      {enabled ? (
        BREAKER_GROUPS.map(({ title, fields }) => (
          <div key={title}>
            <h3 className={classes.group}>{title}</h3>
            <div className={classes.grid}>{fields.map(scalar)}</div>
          </div>
        ))
      ) : (
        <Text size="sm" c="dimmed">
          Every call is admitted; outcomes are still recorded and shown. What was set here is kept.
        </Text>
      )}
    </section>
  )
}
