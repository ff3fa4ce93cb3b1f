import "@mantine/spotlight/styles.layer.css"
import { useMantineColorScheme } from "@mantine/core"
import { Spotlight, spotlight } from "@mantine/spotlight"
import { useNavigate } from "@tanstack/react-router"
import { type ReactNode, useEffect, useState } from "react"
import { useMay } from "../api/queries"
import { stream } from "../api/stream"
import { PlusIcon, SearchIcon } from "../components/icons"
import { StateIcon } from "../components/state/StateBadge"
import { LOOKS, shownOf } from "../lib/shown"
import classes from "./Shell.module.css"
import { SCHEMES } from "./ThemeMenu"

const AGENTS = 8
// What scrolls has to be reached by keys. The list hands this on, though its type does not say so.
const SCROLLS: object = { viewportProps: { tabIndex: 0 } }

interface Command {
  label: string
  description?: string
  icon?: ReactNode
  run: () => void
}

/** Any agent, page and action, by the keyboard. `asked` counts how often it was asked for. */
export function Palette({ asked }: { asked: number }) {
  const [query, setQuery] = useState("")
  useEffect(() => {
    if (asked > 0) spotlight.open()
  }, [asked])
  const agents = useAgentCommands(query)
  const pages = usePageCommands().filter(matching(query))
  const actions = useActionCommands().filter(matching(query))
  return (
    <Spotlight.Root
      query={query}
      onQueryChange={setQuery}
      shortcut={null}
      clearQueryOnClose
      scrollable
      maxHeight={420}
      attributes={{ content: { "aria-label": "Go to" } }}
    >
      <Spotlight.Search
        classNames={{ input: classes.paletteField ?? "" }}
        placeholder="Agent, page or action"
        aria-label="Agent, page or action"
        leftSection={<SearchIcon />}
      />
      <Spotlight.ActionsList {...SCROLLS}>
        <Group label="Agents" commands={agents} />
        <Group label="Pages" commands={pages} />
        <Group label="Actions" commands={actions} />
        {agents.length + pages.length + actions.length === 0 && (
          <Spotlight.Empty>Nothing of that name</Spotlight.Empty>
        )}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  )
}

function Group({ label, commands }: { label: string; commands: readonly Command[] }) {
  if (commands.length === 0) return null
  return (
    <Spotlight.ActionsGroup label={label}>
      {commands.map((command) => (
        <Spotlight.Action
          key={command.label}
          className={classes.command}
          label={command.label}
          description={command.description ?? ""}
          leftSection={command.icon}
          onClick={command.run}
        />
      ))}
    </Spotlight.ActionsGroup>
  )
}

function matching(query: string) {
  const wanted = query.trim().toLowerCase()
  return ({ label }: Command) => label.toLowerCase().includes(wanted)
}

function useAgentCommands(query: string): Command[] {
  const navigate = useNavigate()
  const wanted = query.trim().toLowerCase()
  const found: Command[] = []
  for (const row of stream.table.values()) {
    if (found.length === AGENTS) break
    if (!row.agent.includes(wanted)) continue
    const shown = shownOf(row)
    found.push({
      label: row.agent,
      description: LOOKS[shown].word,
      icon: <StateIcon shown={shown} />,
      run: () => void navigate({ to: "/agents/$name", params: { name: row.agent } }),
    })
  }
  return found
}

function usePageCommands(): Command[] {
  const navigate = useNavigate()
  const admin = useMay("admin")
  return [
    { label: "Circuits", run: () => void navigate({ to: "/" }) },
    { label: "Agents", run: () => void navigate({ to: "/agents" }) },
    { label: "Alerts", run: () => void navigate({ to: "/alerts" }) },
    ...(admin ? [{ label: "Tokens", run: () => void navigate({ to: "/tokens" }) }] : []),
    { label: "About", run: () => void navigate({ to: "/about" }) },
  ]
}

function useActionCommands(): Command[] {
  const navigate = useNavigate()
  const admin = useMay("admin")
  const { setColorScheme } = useMantineColorScheme()
  return [
    ...(admin
      ? [
          {
            label: "New agent",
            icon: <PlusIcon />,
            run: () => void navigate({ to: "/agents/new" }),
          },
        ]
      : []),
    {
      label: "Show open circuits",
      icon: <StateIcon shown="open" />,
      run: () => void navigate({ to: "/", search: { state: ["open"] } }),
    },
    ...SCHEMES.map(({ value, label, Icon }) => ({
      label: `Colours: ${label.toLowerCase()}`,
      icon: <Icon />,
      run: () => setColorScheme(value),
    })),
  ]
}
