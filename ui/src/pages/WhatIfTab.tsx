import { Button, Group, SegmentedControl, Text, Title } from "@mantine/core"
import { useDebouncedValue } from "@mantine/hooks"
import { useParams } from "@tanstack/react-router"
import { useMemo, useState } from "react"
import type { Tagged } from "../api/client"
import type { Proposal } from "../api/models"
import { useAgent, useDefaults } from "../api/queries"
import type { Value } from "../components/agents/check"
import { textOf } from "../components/agents/check"
import { BREAKER, ENABLED, FIELDS } from "../components/agents/fields"
import { breakerOf } from "../components/agents/flat"
import { BreakerSection } from "../components/agents/sections"
import { useAgentForm } from "../components/agents/useAgentForm"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { Notice } from "../components/feedback/Notice"
import { PageSkeleton, RowSkeletons } from "../components/feedback/Skeletons"
import { Bands } from "../components/whatif/Bands"
import { Figures } from "../components/whatif/Figures"
import { Proposals } from "../components/whatif/Proposals"
import { changedOf, useWhatIf } from "../components/whatif/queries"
import { Shadow } from "../components/whatif/Shadow"
import classes from "../components/whatif/whatif.module.css"
import { exactTime } from "../lib/format"
import type { AgentResponse, CircuitBreakerConfig } from "../types/agent"

const RANGES = [
  { value: "-1h", label: "1 h" },
  { value: "-1d", label: "24 h" },
  { value: "-7d", label: "7 d" },
  { value: "-30d", label: "30 d" },
]
const WAIT_MS = 500

/** What other settings would have made of an agent's history. */
export function WhatIfTab() {
  const { name } = useParams({ from: "/shell/agents/$name/what-if" })
  const agent = useAgent(name)
  const defaults = useDefaults()
  const error = agent.error ?? defaults.error
  if (error && !agent.data) {
    return (
      <ErrorPanel
        error={error}
        title="The settings could not be read"
        retry={() => void agent.refetch()}
      />
    )
  }
  if (!agent.data || !defaults.data) return <PageSkeleton />
  return <WhatIf key={name} stored={agent.data} defaults={defaults.data.circuit_breaker_config} />
}

interface Props {
  stored: Tagged<AgentResponse>
  defaults: CircuitBreakerConfig
}

/** Settings to try on the left, what they would have come to on the right. */
export function WhatIf({ stored, defaults }: Props) {
  const agent = stored.data.name
  const form = useAgentForm(stored)
  const [since, setSince] = useState("-1d")
  const { state, errors } = form
  const toggle = state.texts[ENABLED.path]
  const whole = !Object.keys(errors).some((path) => path.startsWith(`${BREAKER}.`))
  const config = useMemo(
    () => (whole ? breakerOf(form.flat, defaults) : null),
    [whole, form.flat, defaults],
  )
  const [settled] = useDebouncedValue(config, WAIT_MS)
  const { data, error, isPlaceholderData, refetch } = useWhatIf(agent, settled, since)

  const use = (settings: Proposal["settings"]) => {
    const texts = { ...state.texts }
    for (const field of FIELDS) {
      const value = settings[field.path.slice(BREAKER.length + 1)]
      if (!field.path.startsWith(`${BREAKER}.`) || value === undefined) continue
      texts[field.path] = value === null ? null : textOf(field, value as Value)
    }
    form.change({ texts })
  }

  return (
    <div className={classes.layout}>
      <div className={`${classes.column} ${classes.fields}`}>
        <BreakerSection
          state={state}
          errors={form.visible}
          defaults={defaults}
          onChange={form.change}
          enabled={toggle === "" ? defaults.enabled : toggle === "true"}
          initial={form.initial}
        />
        <Text size="sm" c="dimmed">
          Nothing is saved here.{" "}
          <Button size="compact-xs" variant="default" onClick={form.reset}>
            Back to the settings in force
          </Button>
        </Text>
      </div>
      <div className={`${classes.column} ${classes.results}`}>
        <section className={classes.panel} aria-labelledby="what-if">
          <Group justify="space-between" mb="sm">
            <Title order={2} id="what-if">
              What would have happened
            </Title>
            <SegmentedControl
              size="xs"
              aria-label="Range"
              data={RANGES}
              value={since}
              onChange={setSince}
            />
          </Group>
          {error !== null ? (
            <ErrorPanel error={error} title="Nothing can be said" retry={() => void refetch()} />
          ) : data === undefined ? (
            <RowSkeletons rows={4} height={40} />
          ) : (
            <div className={classes.told} data-old={isPlaceholderData}>
              {!data.complete && (
                <Notice title="The log does not reach back that far">
                  This is from {exactTime(data.since_ms)} on.
                </Notice>
              )}
              <Bands answer={data} />
              <Figures answer={data} />
              {data.unobserved_ms > 0 && (
                <Text size="sm" c="dimmed" mt="sm">
                  Hatched: calls were refused that these settings would have let through, so nobody
                  knows how they would have ended. The figures are bounds: from all of them well to
                  all of them failed.
                </Text>
              )}
            </div>
          )}
        </section>
        <Shadow
          agent={agent}
          settings={config !== null && data ? changedOf(config, data.recorded_settings) : null}
        />
        <Proposals agent={agent} since={since} onUse={use} />
      </div>
    </div>
  )
}
