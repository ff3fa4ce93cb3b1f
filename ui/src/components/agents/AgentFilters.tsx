import { Autocomplete, CloseButton, Select, TextInput } from "@mantine/core"
import { useDebouncedCallback } from "@mantine/hooks"
import { useEffect, useState } from "react"
import { AGENT_SORTS, type AgentsSearch, type AgentsSort } from "../../pages/agentsSearch"
import type { AgentResponse } from "../../types/agent"
import { SearchIcon } from "../icons"
import classes from "./list.module.css"

const TYPING_MS = 250

interface Props {
  search: AgentsSearch
  /** What is loaded; its tags and protocols are offered. */
  agents: readonly AgentResponse[]
  onChange: (search: AgentsSearch) => void
}

/** What of the registry is listed, and in which order. */
export function AgentFilters({ search, agents, onChange }: Props) {
  const set = (part: { [K in keyof AgentsSearch]?: AgentsSearch[K] | undefined }) => {
    const next = Object.entries({ ...search, ...part })
    onChange(Object.fromEntries(next.filter(([, value]) => value)) as AgentsSearch)
  }
  const tags = [...new Set(agents.flatMap((one) => one.tags))].sort()
  const protocols = new Set(["http", "a2a", ...agents.map((one) => one.protocol)])
  if (search.protocol) protocols.add(search.protocol)
  return (
    <search className={classes.filters}>
      <Typed
        value={search.q ?? ""}
        onChange={(q) => set({ q })}
        render={(value, change) => (
          <TextInput
            aria-label="Search"
            placeholder="Name, description or address"
            leftSection={<SearchIcon />}
            rightSection={
              value && <CloseButton size="sm" aria-label="Clear" onClick={() => change("")} />
            }
            value={value}
            onChange={(event) => change(event.currentTarget.value)}
          />
        )}
      />
      <Typed
        value={search.tag ?? ""}
        onChange={(tag) => set({ tag })}
        render={(value, change) => (
          <Autocomplete
            aria-label="Tag"
            placeholder="Any tag"
            clearable
            data={tags}
            value={value}
            onChange={change}
          />
        )}
      />
      <Select
        aria-label="Protocol"
        placeholder="Any protocol"
        clearable
        data={[...protocols]}
        value={search.protocol ?? null}
        onChange={(protocol) => set({ protocol: protocol ?? undefined })}
      />
      <Select
        className={classes.order ?? ""}
        aria-label="Order"
        allowDeselect={false}
        data={Object.entries(AGENT_SORTS).map(([value, label]) => ({ value, label }))}
        value={search.sort ?? "name"}
        onChange={(sort) => set({ sort: sort === "name" ? undefined : (sort as AgentsSort) })}
      />
    </search>
  )
}

interface TypedProps {
  value: string
  onChange: (value: string) => void
  render: (value: string, change: (value: string) => void) => React.ReactNode
}

/** A text that is asked for once typing pauses. */
function Typed({ value, onChange, render }: TypedProps) {
  const [text, setText] = useState(value)
  const ask = useDebouncedCallback(onChange, TYPING_MS)
  useEffect(() => setText(value), [value])
  return render(text, (next) => {
    setText(next)
    ask(next)
  })
}
