import { Code, Title } from "@mantine/core"
import classes from "../components/alerts/alerts.module.css"
import { Channels } from "../components/alerts/Channels"
import { Deliveries } from "../components/alerts/Deliveries"
import { Incidents } from "../components/alerts/Incidents"
import { useNotifier } from "../components/alerts/queries"
import { Rules } from "../components/alerts/Rules"
import { Notice } from "../components/feedback/Notice"
import { PageTitle } from "../components/PageTitle"

/** Who is told of what, and was. */
export function Alerts() {
  const notifier = useNotifier()
  return (
    <>
      <PageTitle title="Alerts" />
      {notifier.data?.owner === "" && (
        <Notice title="Nobody sends alerts now">
          Rules wait until a notifier runs: <Code>fuseline alerts run</Code>
        </Notice>
      )}
      <Title order={2} size="h4" className={classes.heading}>
        Incidents
      </Title>
      <Incidents />
      <Title order={2} size="h4" className={classes.heading}>
        Rules
      </Title>
      <Rules />
      <Title order={2} size="h4" className={classes.heading}>
        Channels
      </Title>
      <Channels />
      <Title order={2} size="h4" className={classes.heading}>
        Deliveries
      </Title>
      <Deliveries />
    </>
  )
}
