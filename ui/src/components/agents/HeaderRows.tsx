import { ActionIcon, Button, Code, Input, Stack, Text, TextInput } from "@mantine/core"
import { PlusIcon } from "../icons"
import classes from "./form.module.css"
import { type Errors, type HeaderRow, headerRow, rowPath } from "./formState"

const FROM_ENV = `\${env:NAME}`
const FROM_FILE = `\${file:/path}`

interface Props {
  rows: readonly HeaderRow[]
  /** Headers as the server showed them; their hidden parts are kept unless changed. */
  shown: ReadonlyMap<string, string>
  errors: Errors
  onChange: (rows: readonly HeaderRow[]) => void
}

/** Headers that go along with each call. */
export function HeaderRows({ rows, shown, errors, onChange }: Props) {
  const set = (id: number, change: Partial<HeaderRow>) =>
    onChange(rows.map((row) => (row.id === id ? { ...row, ...change } : row)))
  return (
    <Input.Wrapper
      component="fieldset"
      labelElement="div"
      label="Headers"
      description={
        <>
          Sent with each call. Keep secrets out of here: <Code>{FROM_ENV}</Code> and{" "}
          <Code>{FROM_FILE}</Code> are filled in where the call is made.
        </>
      }
      error={errors.headers}
      style={{ border: 0, padding: 0, margin: 0, minWidth: 0 }}
    >
      <Stack gap="xs" mt="xs">
        {rows.map((row, place) => {
          const kept = row.value.includes("***") && shown.get(row.name) === row.value
          return (
            <div key={row.id} className={classes.header}>
              <TextInput
                aria-label={`Name of header ${place + 1}`}
                placeholder="Authorization"
                value={row.name}
                error={errors[rowPath(row.id)]}
                autoComplete="off"
                spellCheck={false}
                onChange={(event) => set(row.id, { name: event.currentTarget.value })}
              />
              <div>
                <TextInput
                  aria-label={`Value of header ${place + 1}`}
                  placeholder={`Bearer ${FROM_ENV}`}
                  value={row.value}
                  error={errors[`headers.${row.name}`] ?? maskError(row, shown)}
                  autoComplete="off"
                  spellCheck={false}
                  onChange={(event) => set(row.id, { value: event.currentTarget.value })}
                />
                {kept && (
                  <Text size="xs" c="dimmed" mt={2}>
                    Hidden; kept as it is unless you type another
                  </Text>
                )}
              </div>
              <ActionIcon
                variant="subtle"
                color="gray"
                size="input-sm"
                aria-label={`Remove header ${row.name || place + 1}`}
                onClick={() => onChange(rows.filter(({ id }) => id !== row.id))}
              >
                ×
              </ActionIcon>
            </div>
          )
        })}
        <div>
          <Button
            variant="default"
            size="xs"
            leftSection={<PlusIcon size={12} />}
            onClick={() => onChange([...rows, headerRow()])}
          >
            Add a header
          </Button>
        </div>
      </Stack>
    </Input.Wrapper>
  )
}

/** A mask is no value: under another name, or altered, the server could only refuse it. */
export function maskError(row: HeaderRow, shown: ReadonlyMap<string, string>): string | undefined {
  const fits = !row.value.includes("***") || shown.get(row.name.trim()) === row.value
  return fits ? undefined : "The hidden value cannot be moved or altered; type it anew"
}
