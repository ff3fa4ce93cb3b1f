import { ActionIcon, Button, Chip, NativeSelect, Tooltip } from "@mantine/core"
import type { ReactNode } from "react"
import { duration, exactTime } from "../../lib/format"
import { ALL_GROUPS, GROUPS, type Group, groupsFrom } from "./kinds"
import classes from "./timeline.module.css"
import { spanOf, type View } from "./view"

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const SPANS = [
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  HOUR,
  6 * HOUR,
  24 * HOUR,
  7 * 24 * HOUR,
  30 * 24 * HOUR,
]

interface Props {
  view: View
  live: boolean
  groups: readonly Group[]
  onSpan: (ms: number) => void
  onLive: () => void
  onZoom: (factor: number) => void
  onPan: (share: number) => void
  onGroups: (groups: Group[]) => void
  onHelp: () => void
  children: ReactNode
}

/** Range, zoom, live, and what is shown. */
export function Toolbar(props: Props) {
  const { view, live, groups, onSpan, onZoom, onPan } = props
  const span = Math.round(spanOf(view))
  const isPreset = SPANS.includes(span)
  return (
    <div className={classes.toolbar}>
      <div className={classes.tools}>
        <Button
          size="xs"
          variant={live ? "filled" : "default"}
          aria-pressed={live}
          onClick={props.onLive}
        >
          {live ? "Live" : "Go live"}
        </Button>
        <NativeSelect
          size="xs"
          aria-label="How much is shown"
          className={classes.span}
          value={isPreset ? String(span) : "own"}
          onChange={(event) => onSpan(Number(event.currentTarget.value))}
          data={[
            ...(isPreset ? [] : [{ value: "own", label: duration(span / 1_000), disabled: true }]),
            ...SPANS.map((ms) => ({ value: String(ms), label: duration(ms / 1_000) })),
          ]}
        />
        <div className={classes.buttons}>
          <Tool label="Earlier" onClick={() => onPan(-0.5)} text="‹" />
          <Tool label="Later" onClick={() => onPan(0.5)} text="›" isOff={live} />
          <Tool label="Zoom out" onClick={() => onZoom(2)} text="−" />
          <Tool label="Zoom in" onClick={() => onZoom(0.5)} text="+" />
          <Tool label="Keys" onClick={props.onHelp} text="?" />
        </div>
        <span className={`${classes.range} fl-num`}>
          {exactTime(view.fromMs)} – {live ? "now" : exactTime(view.toMs)}
        </span>
        {props.children}
      </div>
      <Chip.Group
        multiple
        value={[...groups]}
        onChange={(values) => props.onGroups(groupsFrom(values))}
      >
        <fieldset className={classes.chips}>
          <legend className="fl-hidden">What is shown</legend>
          {GROUPS.map(({ value, label }) => (
            <Chip key={value} value={value} size="xs" variant="outline">
              {label}
            </Chip>
          ))}
          {groups.length < ALL_GROUPS.length && (
            <Button
              size="compact-xs"
              variant="subtle"
              onClick={() => props.onGroups([...ALL_GROUPS])}
            >
              Show all
            </Button>
          )}
        </fieldset>
      </Chip.Group>
    </div>
  )
}

interface ToolProps {
  label: string
  text: string
  isOff?: boolean
  onClick: () => void
}

function Tool({ label, text, isOff = false, onClick }: ToolProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size={30} aria-label={label} disabled={isOff} onClick={onClick}>
        <span aria-hidden="true">{text}</span>
      </ActionIcon>
    </Tooltip>
  )
}
