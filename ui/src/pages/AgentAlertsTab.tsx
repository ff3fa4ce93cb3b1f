import { Title } from "@mantine/core"
import { useParams } from "@tanstack/react-router"
import { useAgent } from "../api/queries"
import classes from "../components/alerts/alerts.module.css"
import { Incidents } from "../components/alerts/Incidents"
import { Rules } from "../components/alerts/Rules"
import { covers } from "../components/alerts/scope"

const NO_TAGS: readonly string[] = []

/** The rules over one agent, and its incidents. */
export function AgentAlertsTab() {
  const { name } = useParams({ from: "/shell/agents/$name/alerts" })
  const agent = useAgent(name)
  const tags = agent.data?.data.tags ?? NO_TAGS
  return (
    <>
      <Title order={2} size="h4" className={classes.heading}>
        Incidents
      </Title>
      <Incidents agent={name} />
      <Title order={2} size="h4" className={classes.heading}>
        Rules over this agent
      </Title>
      <Rules agent={name} shows={(stored) => covers(stored, name, tags)} />
    </>
  )
}
