import { Anchor, Checkbox, Select, TextInput } from "@mantine/core"
import { helpOf, textOf } from "./check"
import type { Field } from "./fields"
import classes from "./form.module.css"
import { PARTS } from "./parts"
import { defaultOf, numberInWords } from "./words"

interface Props {
  field: Field
  /** Empty: the default; null: switched off. */
  text: string | null
  error: string | undefined
  /** The server's defaults of the breaker. */
  defaults: object
  onChange: (text: string | null) => void
}

/** One setting: its unit in the field, its default as placeholder, its help below the field. */
export function ScalarField(props: Props) {
  const { field, text, error, defaults, onChange } = props
  if (field.choices !== undefined) return <ChoiceField {...props} choices={field.choices} />
  const usual = defaultOf(field.path, defaults)
  const placeholder =
    text === null || usual === null
      ? "off"
      : usual === undefined
        ? (field.unset ?? "")
        : textOf(field, usual)
  return (
    <div className={classes.field}>
      <TextInput
        label={field.label}
        description={helpOf(field)}
        inputWrapperOrder={PARTS}
        placeholder={placeholder}
        value={text ?? ""}
        error={error}
        disabled={text === null}
        inputMode={field.unit === undefined ? "text" : "decimal"}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.currentTarget.value)}
        rightSection={
          field.unit && <span className={classes.unit}>{unitOf(field, text || placeholder)}</span>
        }
        rightSectionWidth="auto"
        rightSectionPointerEvents="none"
      />
      <div className={classes.tools}>
        {field.bound.nullable && (usual !== null || text === null) && (
          <Checkbox
            size="xs"
            label="Off"
            aria-label={`${field.label}: off`}
            checked={text === null}
            onChange={(event) => onChange(event.currentTarget.checked ? null : "")}
          />
        )}
        <ResetButton field={field} shown={text !== ""} onReset={() => onChange("")} />
      </div>
    </div>
  )
}

// Large figures are hard to read: beside the unit stands what they come to.
function unitOf(field: Field, text: string | null): string {
  const value = Number(text)
  const large = (field.unit === "s" && value >= 120) || (field.unit === "bytes" && value >= 1024)
  if (!text || !large || !Number.isFinite(value)) return field.unit ?? ""
  return `${field.unit} = ${numberInWords(field, value)}`
}

function ChoiceField({
  field,
  text,
  error,
  defaults,
  onChange,
  choices,
}: Props & { choices: Record<string, string> }) {
  const usual = defaultOf(field.path, defaults)
  return (
    <div className={classes.field}>
      <Select
        label={field.label}
        description={helpOf(field)}
        inputWrapperOrder={PARTS}
        error={error}
        data={[
          { value: "", label: `${choices[String(usual)] ?? String(usual)} (default)` },
          ...Object.entries(choices).map(([value, label]) => ({ value, label })),
        ]}
        value={text ?? ""}
        allowDeselect={false}
        onChange={(value) => onChange(value ?? "")}
      />
      <div className={classes.tools}>
        <ResetButton field={field} shown={text !== ""} onReset={() => onChange("")} />
      </div>
    </div>
  )
}

interface ResetProps {
  field: { label: string }
  shown: boolean
  onReset: () => void
}

/** Takes a setting back to its default. */
export function ResetButton({ field, shown, onReset }: ResetProps) {
  if (!shown) return null
  return (
    <Anchor
      component="button"
      type="button"
      size="xs"
      onClick={onReset}
      aria-label={`${field.label}: reset to default`}
    >
      Reset
    </Anchor>
  )
}
