import { Text, Title } from "@mantine/core"
import type { TimelineItem } from "../../api/models"
import { counted, exactTime } from "../../lib/format"
import { TraceId } from "./TraceId"
import classes from "./timeline.module.css"
import { detailOf, titleOf, tookWords } from "./words"

interface Props {
  events: readonly TimelineItem[]
  total: number
  complete: boolean
}

const SHOWN = 100

/** The calls that made a transition's figures. */
export function Evidence({ events, total, complete }: Props) {
  const shown = events.slice(-SHOWN)
  return (
    <div>
      <Title order={3} size="sm" mb={4}>
        {counted(total, "call")} that made it
      </Title>
      {shown.length < total && (
        <Text size="xs" c="dimmed">
          The last {shown.length} of {total}.
        </Text>
      )}
      {!complete && (
        <Text size="xs" c="dimmed">
          There may have been more; the log does not have all of them any more.
        </Text>
      )}
      <ol className={classes.evidence}>
        {shown.map((event) => (
          <li key={event.id}>
            <span className="fl-num" title={exactTime(event.at_ms)}>
              {clockWithMs(event.at_ms)}
            </span>
            <strong>{titleOf(event)}</strong>
            <span>
              {[
                detailOf(event),
                event.duration_ms === undefined ? "" : tookWords(event.duration_ms),
                event.worker ?? "",
              ]
                .filter((one) => one !== "")
                .join(" · ")}
            </span>
            {event.trace_id ? <TraceId id={event.trace_id} /> : <span />}
          </li>
        ))}
      </ol>
    </div>
  )
}

const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
})

/** Local time of day to the ms: "14:03:07.250". */
export function clockWithMs(atMs: number): string {
  return clock.format(atMs)
}
