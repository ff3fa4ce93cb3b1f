import { Button, Group, Text, TextInput, Title } from "@mantine/core"
import { useState } from "react"
import type { ShadowAnswer, ShadowAsk } from "../../api/models"
import { useMay } from "../../api/queries"
import { exactTime } from "../../lib/format"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { RowSkeletons } from "../feedback/Skeletons"
import { StateBadge } from "../state/StateBadge"
import { nameOf, settingText } from "../timeline/Settings"
import { Bands } from "./Bands"
import { Figures } from "./Figures"
import { useSetShadow, useShadow } from "./queries"
import classes from "./whatif.module.css"

interface Props {
  agent: string
  /** The settings in the form that differ from those in force; null: some are none yet. */
  settings: ShadowAsk["settings"] | null
}

/** Other settings folded beside the real ones, live: how they do, and how to begin and end it. */
export function Shadow({ agent, settings }: Props) {
  const { data, error, refetch } = useShadow(agent)
  const may = useMay("operator")
  return (
    <section className={classes.panel} aria-labelledby="shadow">
      <Title order={2} id="shadow">
        Shadow
      </Title>
      {error !== null && data === undefined ? (
        <ErrorPanel error={error} title="It could not be read" retry={() => void refetch()} />
      ) : data === undefined ? (
        <RowSkeletons rows={1} height={40} />
      ) : (
        <>
          <Told answer={data} />
          {may && <Control agent={agent} settings={settings} runs={data.shadow !== null} />}
        </>
      )}
    </section>
  )
}

function Told({ answer }: { answer: ShadowAnswer }) {
  const { shadow, comparison, problem } = answer
  if (shadow === null) {
    return (
      <Text size="sm" c="dimmed">
        None runs. A shadow folds other settings beside these from now on, on the same calls;
        callers see nothing of it, and what it would do stands in the timeline.
      </Text>
    )
  }
  const words = Object.entries(shadow.settings).map(
    ([name, value]) => `${nameOf(name)} ${settingText(name, value)}`,
  )
  return (
    <>
      <Group gap="xs" my="xs">
        <StateBadge shown={shadow.state} />
        <Text size="sm">
          {words.join(", ")}
          {!shadow.known && " – unless calls that nobody saw had gone otherwise"}
        </Text>
      </Group>
      <Text size="sm" c="dimmed" mb="xs">
        Since {exactTime(shadow.since_ms)} by {shadow.actor}
        {shadow.reason !== "" && `: ${shadow.reason}`}
      </Text>
      {comparison !== null ? (
        <>
          <Bands answer={comparison} name="Shadow" />
          <Figures answer={comparison} name="Shadow" />
        </>
      ) : (
        <Text size="sm" c="dimmed">
          Nothing can be compared yet: {problem}
        </Text>
      )}
    </>
  )
}

function Control({ agent, settings, runs }: Props & { runs: boolean }) {
  const [reason, setReason] = useState("")
  const { mutate, error, isPending } = useSetShadow(agent)
  const why = reason.trim()
  const nothing = settings === null || Object.keys(settings).length === 0
  const say = (wanted: ShadowAsk["settings"] | null) =>
    mutate({ settings: wanted, reason: why }, { onSuccess: () => setReason("") })
  return (
    <>
      <Group mt="sm" gap="xs" align="flex-end">
        <TextInput
          size="xs"
          label="Reason"
          placeholder="stands in the timeline"
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Button
          size="xs"
          loading={isPending}
          disabled={nothing || why === ""}
          onClick={() => say(settings)}
        >
          {runs ? "Run these instead" : "Run as shadow"}
        </Button>
        {runs && (
          <Button
            size="xs"
            variant="default"
            loading={isPending}
            disabled={why === ""}
            onClick={() => say(null)}
          >
            End it
          </Button>
        )}
      </Group>
      {nothing && (
        <Text size="xs" c="dimmed" mt={4}>
          Change a setting on this page to run it as a shadow.
        </Text>
      )}
      {error !== null && (
        <Text size="sm" c="red" role="alert">
          {error.message}
        </Text>
      )}
    </>
  )
}
