import type { ReactNode } from "react"
import { WarningIcon } from "../icons"
import classes from "./feedback.module.css"

interface Props {
  title: string
  /** bad: something failed, and is told at once; careful: something to know. */
  tone?: "bad" | "careful"
  children: ReactNode
}

/** A box that stands out: what failed, or what one should know. */
export function Notice({ title, tone = "careful", children }: Props) {
  return (
    <div className={classes.notice} data-tone={tone} role={tone === "bad" ? "alert" : "note"}>
      <span className={classes.noticeIcon}>
        <WarningIcon />
      </span>
      <div>
        <div className={classes.noticeTitle}>{title}</div>
        {children}
      </div>
    </div>
  )
}
