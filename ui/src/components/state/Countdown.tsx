import { useNow } from "../../lib/clock"
import { countdown, exactBoth } from "../../lib/format"

interface Props {
  /** When it ends, by the server's clock. */
  untilMs: number
  /** What stands there once it is over. */
  over?: string
}

/** Time left, counting down in place. */
export function Countdown({ untilMs, over = "any moment" }: Props) {
  const left = untilMs - useNow()
  return (
    <span role="timer" className="fl-num" title={exactBoth(untilMs)}>
      {left <= 0 ? over : countdown(left)}
    </span>
  )
}
