import { count, counted } from "../../lib/format"
import { ChevronIcon } from "../icons"
import classes from "./circuits.module.css"
import type { GroupHead } from "./groups"

interface Props {
  head: GroupHead
  /** Its place among all rows, from 1. */
  place: number
  /** Where it stands, in px from the top of the list. */
  top: number
  onFold: (key: string) => void
}

/** What stands above the circuits of one tag; folds them away. */
export function GroupRow({ head, place, top, onFold }: Props) {
  const { key, tag, size, trouble, folded } = head
  return (
    <div
      role="row"
      aria-rowindex={place + 1}
      className={classes.group}
      style={{ transform: `translateY(${top}px)` }}
    >
      <div role="cell">
        <button
          type="button"
          className={classes.groupHead}
          aria-expanded={!folded}
          onClick={() => onFold(key)}
        >
          <ChevronIcon size={14} />
          <span className={classes.groupName}>{tag ?? "Without a tag"}</span>
          <span className={`${classes.groupSize} fl-num`}>{counted(size, "circuit")}</span>
          {trouble > 0 && (
            <span className={`${classes.groupTrouble} fl-num`}>{count(trouble)} in trouble</span>
          )}
        </button>
      </div>
    </div>
  )
}
