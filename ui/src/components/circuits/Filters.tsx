import { NativeSelect, Switch, TextInput } from "@mantine/core"
import { useDebouncedCallback, useHotkeys } from "@mantine/hooks"
import { useEffect, useRef, useState } from "react"
import type { CircuitTable } from "../../api/table"
import { useCircuits } from "../../api/useStream"
import { count } from "../../lib/format"
import { LOOKS, SHOWN, type Shown } from "../../lib/shown"
import { SearchIcon } from "../icons"
import { StateIcon } from "../state/StateBadge"
import classes from "./circuits.module.css"
import type { Tags } from "./groups"

// These stand there also when no circuit is in them.
const ALWAYS: readonly Shown[] = ["open", "half_open", "closed"]

type Counts = Readonly<Record<Shown, number>>

interface Props {
  states: readonly Shown[]
  text: string
  tag: string
  /** Whether the list is grouped by tag. */
  grouped: boolean
  tags: Tags
  onStates: (states: Shown[]) => void
  onText: (text: string) => void
  onTag: (tag: string) => void
  onGrouped: (grouped: boolean) => void
}

/** How many circuits are in which state, each a filter; and filters by tag and name. */
export function Filters(props: Props) {
  const { states, text, tag, grouped, tags, onStates, onText, onTag, onGrouped } = props
  const field = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState(text)
  const tell = useDebouncedCallback(onText, 150)
  useEffect(() => setTyped(text), [text])
  useHotkeys([["/", () => field.current?.focus()]])
  return (
    <div className={classes.filters}>
      <StateChips states={states} onStates={onStates} />
      <div className={classes.narrowing}>
        {(tags.agents.size > 0 || tag !== "" || grouped) && (
          <>
            <Switch
              label="Group by tag"
              size="sm"
              checked={grouped}
              onChange={(event) => onGrouped(event.currentTarget.checked)}
            />
            <NativeSelect
              className={classes.tagFilter}
              aria-label="Filter by tag"
              value={tag}
              onChange={(event) => onTag(event.currentTarget.value)}
              data={choicesOf(tags, tag)}
            />
          </>
        )}
        <TextInput
          ref={field}
          className={classes.search}
          type="search"
          aria-label="Filter by name"
          placeholder="Filter by name"
          leftSection={<SearchIcon />}
          rightSection={<kbd className={classes.key}>/</kbd>}
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value)
            tell(event.currentTarget.value)
          }}
        />
      </div>
    </div>
  )
}

// Apart from the fields beside them, which need not be drawn again when a count changes.
function StateChips({ states, onStates }: Pick<Props, "states" | "onStates">) {
  const counts = useCircuits(countsOf, sameCounts)
  const shown = SHOWN.filter(
    (one) => ALWAYS.includes(one) || counts[one] > 0 || states.includes(one),
  )
  const toggle = (one: Shown) =>
    onStates(states.includes(one) ? states.filter((other) => other !== one) : [...states, one])
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset brings a frame of its own
    <div role="group" aria-label="Filter by state" className={classes.chips}>
      {shown.map((one) => (
        <button
          key={one}
          type="button"
          className={classes.chip}
          data-tone={LOOKS[one].tone}
          aria-pressed={states.includes(one)}
          onClick={() => toggle(one)}
          title={LOOKS[one].meaning}
        >
          <StateIcon shown={one} />
          <span className={`${classes.chipCount} fl-num`}>{count(counts[one])}</span>
          {LOOKS[one].word}
        </button>
      ))}
    </div>
  )
}

function choicesOf({ agents }: Tags, chosen: string) {
  const known = [...agents].map(([tag, members]) => ({
    value: tag,
    label: `${tag} (${count(members.size)})`,
  }))
  const gone = chosen !== "" && !agents.has(chosen) ? [{ value: chosen, label: chosen }] : []
  return [{ value: "", label: "Any tag" }, ...gone, ...known]
}

function countsOf(table: CircuitTable): Counts {
  return table.counts()
}

function sameCounts(one: Counts, other: Counts): boolean {
  return SHOWN.every((shown) => one[shown] === other[shown])
}
