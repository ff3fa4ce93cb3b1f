import { ActionIcon, CopyButton, Tooltip } from "@mantine/core"
import type { ReactNode } from "react"
import { CheckIcon } from "../icons"
import classes from "./timeline.module.css"

/** Names with their values. */
export function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className={classes.facts}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

interface CopyProps {
  value: string
  /** What it is: "trace id". */
  what: string
  /** Characters that are shown. */
  shown?: number
}

/** An id, short, that a click copies whole. */
export function Copyable({ value, what, shown = 8 }: CopyProps) {
  return (
    <CopyButton value={value} timeout={1_500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? "Copied" : `Copy ${what} ${value}`} multiline maw={320}>
          <button type="button" className={classes.copy} onClick={copy}>
            <span className="fl-hidden">Copy {what} </span>
            {value.length > shown ? `${value.slice(0, shown)}…` : value}
            <span className={classes.copyMark} data-copied={copied}>
              {copied ? <CheckIcon size={12} /> : <CopyIcon />}
            </span>
          </button>
        </Tooltip>
      )}
    </CopyButton>
  )
}

function CopyIcon() {
  return (
    <svg width="12" height="12" viewBox="0 0 16 16" fill="none" stroke="currentColor" aria-hidden>
      <title>Copy</title>
      <rect x="5.5" y="5.5" width="8" height="8.5" rx="1.5" strokeWidth="1.6" />
      <path
        d="M10.5 3.2A1.5 1.5 0 0 0 9 2H4a1.6 1.6 0 0 0-1.6 1.6v6A1.5 1.5 0 0 0 3.5 11"
        strokeWidth="1.6"
      />
    </svg>
  )
}

/** Closes what it stands in. */
export function CloseButton({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={onClick}>
      <svg width="14" height="14" viewBox="0 0 16 16" stroke="currentColor" aria-hidden>
        <title>Close</title>
        <path d="M3 3l10 10M13 3L3 13" strokeWidth="1.8" strokeLinecap="round" />
      </svg>
    </ActionIcon>
  )
}
