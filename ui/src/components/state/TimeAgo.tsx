import { useNow } from "../../lib/clock"
import { exactBoth, relativeTime } from "../../lib/format"

interface Props {
  /** When, by the server's clock; null or 0: never. */
  atMs: number | null
  never?: string
}

/** How long ago, with the exact local time and UTC on hover. */
export function TimeAgo({ atMs, never = "never" }: Props) {
  const now = useNow()
  if (!atMs) return <span>{never}</span>
  return (
    <time className="fl-num" dateTime={new Date(atMs).toISOString()} title={exactBoth(atMs)}>
      {relativeTime(atMs, now)}
    </time>
  )
}
