import { Alert, Anchor, Collapse, Group, Stack, Text, Title } from "@mantine/core"
import { useDisclosure } from "@mantine/hooks"
import { useEffect, useRef } from "react"
import type { Explanation } from "../../api/models"
import { exactBoth, exactTime, unbroken } from "../../lib/format"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { StateBadge } from "../state/StateBadge"
import { TimeAgo } from "../state/TimeAgo"
import { Evidence } from "./Evidence"
import { CloseButton, Copyable, Facts } from "./Facts"
import { Figures } from "./Figures"
import { useExplanation } from "./queries"
import { Settings } from "./Settings"
import { TraceId } from "./TraceId"
import classes from "./timeline.module.css"
import { causeWords, titleOf } from "./words"

interface Props {
  agent: string
  transition: string
  onClose: () => void
}

/** Why a transition or an override happened: sentence, figures, calls, settings. */
export function ExplanationPanel({ agent, transition, onClose }: Props) {
  const { data, error, refetch } = useExplanation(agent, transition)
  const head = useRef<HTMLHeadingElement>(null)
  const before = useRef<Element | null>(null)
  useEffect(() => {
    before.current = document.activeElement
    head.current?.focus({ preventScroll: true })
  }, [])
  const close = () => {
    onClose()
    if (before.current instanceof HTMLElement) before.current.focus({ preventScroll: true })
  }
  return (
    <section
      className={classes.panel}
      aria-labelledby="explanation-head"
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Title order={2} id="explanation-head" ref={head} tabIndex={-1}>
          Why this happened
        </Title>
        <CloseButton label="Close the explanation" onClick={close} />
      </Group>
      {data !== undefined ? (
        <Explained explanation={data} />
      ) : error !== null ? (
        <ErrorPanel error={error} title="The explanation could not be read" retry={refetch} />
      ) : (
        <RowSkeletons rows={7} height={30} />
      )}
    </section>
  )
}

function Explained({ explanation }: { explanation: Explanation }) {
  const { transition, why, events, events_total, complete, opened_by } = explanation
  return (
    <Stack gap="md">
      <div>
        <Group gap="xs" mb={6}>
          {transition.from !== undefined && transition.to !== undefined ? (
            <>
              <StateBadge shown={transition.from} size="sm" />
              <span role="img" aria-label="to">
                →
              </span>
              <StateBadge shown={transition.to} size="sm" />
            </>
          ) : (
            <Text fw={600}>{titleOf(transition)}</Text>
          )}
          <Text size="sm" c="dimmed" title={exactBoth(transition.at_ms)}>
            {exactTime(transition.at_ms)} · <TimeAgo atMs={transition.at_ms} />
          </Text>
        </Group>
        <Text className={classes.sentence}>{sentence(why)}</Text>
      </div>
      <Facts rows={factsOf(explanation)} />
      {transition.figures !== undefined && (
        <Figures
          figures={transition.figures}
          thresholds={transition.thresholds ?? null}
          cause={transition.cause}
        />
      )}
      {opened_by && (
        <Text size="sm">
          It had opened at {exactTime(opened_by.at_ms)}: {unbroken(opened_by.why ?? "")}
        </Text>
      )}
      {(events.length > 0 || events_total > 0) && (
        <Evidence events={events} total={events_total} complete={complete} />
      )}
      <InForce explanation={explanation} />
    </Stack>
  )
}

function factsOf({ transition }: Explanation): [string, React.ReactNode][] {
  const rows: [string, React.ReactNode][] = []
  if (transition.cause !== undefined) rows.push(["Cause", causeWords(transition.cause)])
  if (transition.actor) rows.push(["By", transition.actor])
  if (transition.reason) rows.push(["Reason", transition.reason])
  if (transition.until) rows.push(["Until", exactTime(Date.parse(transition.until))])
  if (transition.failure_kind) rows.push(["Last failure", transition.failure_kind])
  if (transition.worker) rows.push(["Worker", transition.worker])
  if (transition.trace_id) {
    rows.push(["Trace", <TraceId key="t" id={transition.trace_id} shown={16} />])
  }
  if (transition.event_id) {
    rows.push([
      "Event",
      <Copyable key="e" value={transition.event_id} what="event id" shown={24} />,
    ])
  }
  return rows
}

function InForce({
  explanation: { settings, settings_changed, transition },
}: {
  explanation: Explanation
}) {
  const [opened, { toggle }] = useDisclosure(false)
  if (settings === null) {
    return (
      <Alert color="gray" p="xs">
        The settings of that time are not kept any more.
      </Alert>
    )
  }
  return (
    <div>
      <Title order={3} size="sm">
        Settings in force
      </Title>
      <Text size="sm" c="dimmed">
        {transition.revision !== undefined && `Revision ${transition.revision}. `}
        {settings_changed === null
          ? "Who set them is not known any more."
          : `Set by ${settings_changed.actor ?? "somebody"} on ${exactTime(settings_changed.at_ms)}${settings_changed.reason ? `: ${settings_changed.reason}` : ""}.`}{" "}
        <Anchor component="button" type="button" size="sm" onClick={toggle} aria-expanded={opened}>
          {opened ? "Hide them" : "Show them"}
        </Anchor>
      </Text>
      <Collapse expanded={opened}>
        <Settings settings={settings} />
      </Collapse>
    </div>
  )
}

/** A sentence of the API with a capital and a full stop. */
export function sentence(text: string): string {
  return text === ""
    ? ""
    : `${text.charAt(0).toUpperCase()}${unbroken(text.slice(1))}${/[.!?]$/.test(text) ? "" : "."}`
}
