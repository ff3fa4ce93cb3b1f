import { Anchor, Group, Text, Title } from "@mantine/core"
import { useDebouncedValue } from "@mantine/hooks"
import { duration, exactBoth, exactTime } from "../../lib/format"
import { RuleBars } from "../charts/RuleBars"
import { barOf } from "../charts/rules"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { ModeBadge } from "../state/ModeBadge"
import { StateBadge } from "../state/StateBadge"
import { CloseButton } from "./Facts"
import { useStateAt } from "./queries"
import classes from "./timeline.module.css"
import { ruleName } from "./words"

const WAIT_MS = 140

interface Props {
  agent: string
  /** The instant that is asked about; null: none is. */
  atMs: number | null
  pinned: boolean
  onUnpin: () => void
}

/** Whether an instant lies before what is kept of the log, so that only the history tells of it. */
function figuresAreGone(then: { at_ms: number; trimmed_before_ms: number | null }): boolean {
  return then.trimmed_before_ms !== null && then.at_ms < then.trimmed_before_ms
}

/** The circuit as it was at an instant: the log folded up to there. */
export function StateAtPanel({ agent, atMs, pinned, onUnpin }: Props) {
  const [settledMs] = useDebouncedValue(atMs, WAIT_MS)
  const { data, error, isPlaceholderData } = useStateAt(agent, settledMs)
  return (
    <section className={classes.panel} data-fixed={atMs !== null} aria-labelledby="state-at-head">
      <Group justify="space-between" wrap="nowrap" mih={28}>
        <Title order={2} id="state-at-head">
          The circuit at an instant
        </Title>
        {pinned && <CloseButton label="Let the instant go" onClick={onUnpin} />}
      </Group>
      {data === undefined || settledMs === null ? (
        error === null ? (
          <Text size="sm" c="dimmed">
            Point at the lanes to see the circuit as it was then; click to keep the instant, or move
            it with <kbd>,</kbd> and <kbd>.</kbd>
          </Text>
        ) : (
          <ErrorPanel error={error} title="The circuit at that instant could not be read" />
        )
      ) : (
        <div className={classes.then} data-old={isPlaceholderData}>
          <Text size="sm" className="fl-num" title={exactBoth(atMs ?? settledMs)}>
            {exactTime(atMs ?? settledMs)}
            {pinned && " (kept)"}
          </Text>
          <Group gap="xs" my={6}>
            <StateBadge row={data.circuit} />
            <ModeBadge mode={data.circuit.mode} untilMs={data.circuit.mode_until_ms} />
            {data.open_left_seconds !== null && (
              <Text size="sm">would try again in {duration(data.open_left_seconds)}</Text>
            )}
            {data.circuit.state === "half_open" && (
              <Text size="sm" className="fl-num">
                {data.circuit.probes_out} of {data.circuit.thresholds?.half_open_max_calls} probes
                out, {data.circuit.probe_successes} succeeded
              </Text>
            )}
          </Group>
          {figuresAreGone(data) ? (
            <Text size="xs" c="dimmed">
              Trimmed before {exactTime(data.trimmed_before_ms ?? 0)}: state, mode and settings are
              what the history tells, the figures are gone.
            </Text>
          ) : (
            <RuleBars row={data.circuit} nearness={data.nearness} />
          )}
          {data.missing > 0 && !figuresAreGone(data) && (
            <Text size="xs" c="dimmed">
              {data.missing} events of before are not kept any more; this is what the rest tells.
            </Text>
          )}
        </div>
      )}
    </section>
  )
}

/** The same in one line, for right below the lanes. */
export function StateAtLine({ agent, atMs }: Pick<Props, "agent" | "atMs">) {
  const [settledMs] = useDebouncedValue(atMs, WAIT_MS)
  const { data, isPlaceholderData } = useStateAt(agent, settledMs)
  if (data === undefined || settledMs === null || atMs === null) {
    return (
      <div className={classes.readout}>
        Point at an instant to see the circuit as it was. A mark with a figure stands for so many.
      </div>
    )
  }
  return (
    <div className={classes.readout} data-old={isPlaceholderData}>
      <span>{exactTime(data.at_ms)}</span>
      <StateBadge row={data.circuit} size="sm" />
      {(figuresAreGone(data) ? [] : data.nearness)
        .map((near) => ({ near, bar: barOf(near, data.circuit) }))
        .filter(({ bar }) => bar.threshold !== null)
        .map(({ near, bar }) => (
          <span key={near.rule}>
            {ruleName(near.rule)} <strong>{bar.value}</strong> of {bar.threshold}
          </span>
        ))}
    </div>
  )
}

/** The keys of the lanes, to be read. */
export function KeysHelp({ onClose }: { onClose: () => void }) {
  const keys: [string, string][] = [
    ["← →", "earlier, later; with Shift farther"],
    ["+ −", "zoom in, zoom out; the wheel too"],
    ["Home End", "to the first event; to now, live"],
    ["N P", "next, previous transition or override"],
    ["Enter", "open the explanation"],
    [", .", "keep an instant and move it"],
    ["Esc", "close, let go"],
    ["drag", "zoom into a range; with Shift, or a finger, move"],
  ]
  return (
    <div className={classes.keys}>
      <dl>
        {keys.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <Anchor component="button" type="button" size="sm" onClick={onClose}>
        Hide the keys
      </Anchor>
    </div>
  )
}
