import { TagsInput } from "@mantine/core"
import { LISTS, type ListName } from "./fields"
import classes from "./form.module.css"
import { PARTS } from "./parts"
import { ResetButton } from "./ScalarField"

const HELP: Record<ListName, string> = {
  tags: "For filters and grouping; Enter or a comma ends each",
  failure_statuses: "Answers that count against the agent: 503, or 5xx for all of a kind",
  ignored_statuses: "Answers that count neither for nor against it; they go first",
}

interface Props {
  name: ListName
  list: readonly string[] | null
  error: string | undefined
  onChange: (list: readonly string[] | null) => void
}

/** A setting that is a list of words. */
export function ListField({ name, list, error, onChange }: Props) {
  const { label, bound } = LISTS[name]
  const resets = name !== "tags"
  const placeholder = !resets ? "" : list === null ? "default" : list.length === 0 ? "none" : ""
  return (
    <div className={classes.field}>
      <TagsInput
        label={label}
        description={HELP[name]}
        inputWrapperOrder={PARTS}
        placeholder={placeholder}
        value={[...(list ?? [])]}
        error={error}
        {...(bound.maxItems === undefined ? {} : { maxTags: bound.maxItems })}
        splitChars={[",", " "]}
        acceptValueOnBlur
        onChange={(given) => onChange(plain(given))}
      />
      {resets && (
        <div className={classes.tools}>
          <ResetButton field={{ label }} shown={list !== null} onReset={() => onChange(null)} />
        </div>
      )}
    </div>
  )
}

/** Words alone: what is typed or pasted may still hold what parts them. */
function plain(given: readonly string[]): string[] {
  return [...new Set(given.flatMap((one) => one.split(/[,\s]+/)).filter((one) => one !== ""))]
}
