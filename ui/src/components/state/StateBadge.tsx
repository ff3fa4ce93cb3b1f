import type { CircuitSummary } from "../../api/models"
import { LOOKS, type Shown, shownOf } from "../../lib/shown"
import { ClosedIcon, HalfOpenIcon, LockIcon, OffIcon, OpenIcon, WarningIcon } from "../icons"
import classes from "./state.module.css"

const ICONS: Record<Shown, typeof OpenIcon> = {
  open: OpenIcon,
  forced_open: OpenIcon,
  half_open: HalfOpenIcon,
  closed: ClosedIcon,
  forced_closed: ClosedIcon,
  disabled: OffIcon,
  unreadable: WarningIcon,
}

interface Props {
  /** What is shown; or the row it follows from. */
  shown?: Shown
  row?: Pick<CircuitSummary, "mode" | "state" | "problem" | "thresholds">
  size?: "sm" | "md"
}

/** The state as colour, glyph and word; a lock where an operator has forced it. */
export function StateBadge({ shown, row, size = "md" }: Props) {
  const which = shown ?? (row === undefined ? "unreadable" : shownOf(row))
  const look = LOOKS[which]
  const Icon = ICONS[which]
  return (
    <span className={classes.badge} data-tone={look.tone} data-size={size} title={look.meaning}>
      <Icon size={size === "sm" ? 16 : 18} />
      {look.word}
      {look.locked && <LockIcon size={size === "sm" ? 10 : 12} />}
    </span>
  )
}

/** The glyph alone, in its colour, for places that have the word beside it. */
export function StateIcon({ shown, size = 16 }: { shown: Shown; size?: number }) {
  const Icon = ICONS[shown]
  return (
    <span className={classes.icon} data-tone={LOOKS[shown].tone}>
      <Icon size={size} />
    </span>
  )
}
