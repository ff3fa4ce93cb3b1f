import { useId } from "react"
import type { WhatIf, WhatIfBand } from "../../api/models"
import { exactTime, percent } from "../../lib/format"
import classes from "./whatif.module.css"
import { timeText, unobservedShare } from "./words"

const WIDTH = 1_000
const HEIGHT = 26

/**
 * What happened above what would have happened; hatched where the record cannot know, and of no
 * state before the agent was registered.
 */
export function Bands({ answer, name = "Proposed" }: { answer: WhatIf; name?: string }) {
  const hatch = useId()
  const { since_ms: since, until_ms: until } = answer
  const begun = Math.min(answer.begun_ms ?? since, until)
  const isLater = begun > since
  const x = (ms: number) => ((ms - since) / Math.max(1, until - since)) * WIDTH
  const label = (name: string, bands: readonly WhatIfBand[]) => {
    const open = bands
      .filter(({ state }) => state === "open")
      .reduce((sum, { from_ms, to_ms }) => sum + to_ms - from_ms, 0)
    const before = isLater ? `, not registered before ${exactTime(begun)}` : ""
    return `${name}: open for ${timeText(open)}${before}`
  }
  const row = (bands: readonly WhatIfBand[], hidden: boolean) => (
    <>
      {bands
        .filter(({ to_ms }) => to_ms > begun)
        .map(({ state, from_ms, to_ms }) => (
          <rect
            key={from_ms}
            data-state={state}
            className={classes[state] ?? ""}
            x={x(Math.max(from_ms, begun))}
            width={Math.max(0.6, x(to_ms) - x(Math.max(from_ms, begun)))}
            y={0}
            height={HEIGHT}
          />
        ))}
      {isLater && (
        <rect
          data-state="none"
          className={classes.none ?? ""}
          x={0}
          width={x(begun)}
          y={0}
          height={HEIGHT}
        />
      )}
      {hidden &&
        answer.unobserved.map(({ from_ms, to_ms }) => (
          <rect
            key={`hidden-${from_ms}`}
            data-unobserved="true"
            fill={`url(#${hatch})`}
            x={x(from_ms)}
            width={Math.max(0.6, x(to_ms) - x(from_ms))}
            y={0}
            height={HEIGHT}
          />
        ))}
    </>
  )
  const share = unobservedShare(answer)
  return (
    <div>
      <svg className={classes.defs} aria-hidden="true">
        <defs>
          <pattern id={hatch} width="6" height="6" patternUnits="userSpaceOnUse">
            <rect width="6" height="6" className={classes.veil ?? ""} />
            <path d="M-1 7 L7 -1" className={classes.stroke ?? ""} />
          </pattern>
        </defs>
      </svg>
      {(
        [
          ["Recorded", answer.recorded, false],
          [name, answer.proposed, true],
        ] as const
      ).map(([title, bands, hidden]) => (
        <div key={title} className={classes.bandRow}>
          <span>{title}</span>
          <svg
            className={classes.band}
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={label(title, bands)}
          >
            {row(bands, hidden)}
          </svg>
        </div>
      ))}
      <div className={classes.legend}>
        <span>{exactTime(since)}</span>
        <span>
          <i className={classes.keyClosed} /> closed <i className={classes.keyHalfOpen} /> half-open{" "}
          <i className={classes.keyOpen} /> open
          {isLater && (
            <>
              {" "}
              <i className={classes.keyNone} /> not registered yet
            </>
          )}
          {share > 0 && (
            <>
              {" "}
              <i className={classes.keyHidden} /> not known ({percent(share)})
            </>
          )}
        </span>
        <span>{exactTime(until)}</span>
      </div>
    </div>
  )
}
