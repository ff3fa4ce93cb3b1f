import type { ModeName } from "../../api/models"
import { exactBoth } from "../../lib/format"
import { LockIcon } from "../icons"
import { Countdown } from "./Countdown"
import classes from "./state.module.css"

interface Props {
  mode: ModeName
  /** When the mode ends by itself; null: when somebody changes it. */
  untilMs: number | null
}

/** Who decides while an operator has forced a circuit, and until when; nothing in mode auto. */
export function ModeBadge({ mode, untilMs }: Props) {
  if (mode === "auto") return null
  return (
    <span
      className={classes.mode}
      title={untilMs === null ? "Until somebody changes it" : `Until ${exactBoth(untilMs)}`}
    >
      <LockIcon size={12} />
      {untilMs === null ? (
        "forced until changed"
      ) : (
        <>
          forced for <Countdown untilMs={untilMs} />
        </>
      )}
    </span>
  )
}
