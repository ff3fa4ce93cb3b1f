import { Badge, Group, Title } from "@mantine/core"
import { Link, Outlet, useLocation, useParams } from "@tanstack/react-router"
import { useEffect, useRef } from "react"
import { ApiProblem } from "../api/problem"
import { useAgent, useCircuit } from "../api/queries"
import { useCircuitRow } from "../api/useStream"
import { ControlMenu } from "../components/control/ControlMenu"
import { WarningIcon } from "../components/icons"
import { ModeBadge } from "../components/state/ModeBadge"
import { StateBadge } from "../components/state/StateBadge"
import classes from "./AgentPage.module.css"

const TABS = [
  { to: "/agents/$name", label: "Overview" },
  { to: "/agents/$name/timeline", label: "Timeline" },
  { to: "/agents/$name/settings", label: "Settings" },
  { to: "/agents/$name/what-if", label: "What-if" },
  { to: "/agents/$name/alerts", label: "Alerts" },
  { to: "/agents/$name/audit", label: "Audit" },
] as const

/** One agent: how its circuit stands, and its tabs. */
export function AgentPage() {
  const { name } = useParams({ from: "/shell/agents/$name" })
  const live = useCircuitRow(name)
  const circuit = useCircuit(name)
  const agent = useAgent(name)
  const row = live ?? circuit.data?.circuit
  const isGone = circuit.error instanceof ApiProblem && circuit.error.status === 404
  return (
    <>
      <div className={classes.head}>
        <Title order={1}>{name}</Title>
        {row !== undefined && !isGone && (
          <>
            <StateBadge row={row} />
            <ModeBadge mode={row.mode} untilMs={row.mode_until_ms} />
          </>
        )}
        <Group gap={6} className={classes.tags ?? ""}>
          {agent.data?.data.tags.map((tag) => (
            <Badge key={tag} variant="default" tt="none" fw={500}>
              {tag}
            </Badge>
          ))}
        </Group>
        {!isGone && (
          <div className={classes.actions}>
            <ControlMenu agent={name} />
          </div>
        )}
      </div>
      <Tabs name={name} />
      {isGone && (
        <div className={classes.notice} role="status">
          <WarningIcon />
          <span>
            No agent of this name is registered. If it was there before, its timeline and its audit
            are still kept.
          </span>
        </div>
      )}
      <Outlet />
    </>
  )
}

function Tabs({ name }: { name: string }) {
  const nav = useRef<HTMLElement>(null)
  const { pathname } = useLocation()
  // On a phone they are wider than the page: the one that is shown must be seen.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another path is another tab
  useEffect(() => {
    const active = nav.current?.querySelector<HTMLElement>("[data-status=active]")
    if (!nav.current || !active) return
    nav.current.scrollLeft = active.offsetLeft - (nav.current.clientWidth - active.offsetWidth) / 2
  }, [pathname])
  return (
    <nav ref={nav} className={`${classes.tabs} fl-scroll`} aria-label={`Views of ${name}`}>
      {TABS.map(({ to, label }) => (
        <Link
          key={to}
          to={to}
          params={{ name }}
          className={classes.tab}
          activeOptions={{ exact: true, includeSearch: false }}
        >
          {label}
        </Link>
      ))}
    </nav>
  )
}
