import { Skeleton, Text } from "@mantine/core"
import { type Dispatch, type SetStateAction, useCallback, useMemo } from "react"
import type { TimelineItem } from "../../api/models"
import { exactTime } from "../../lib/format"
import { Legend } from "../charts/Legend"
import { OUTCOMES } from "../charts/outcomes"
import { useColors } from "../charts/useColors"
import { Empty } from "../feedback/Empty"
import { LANES } from "./draw/layout"
import { type Group, kindsOf } from "./kinds"
import { Lanes } from "./Lanes"
import { afterKey, type TimelineState, viewed, zoomedState } from "./machine"
import { chiefOf, isExplained, type Mark } from "./marks"
import { OverviewStrip } from "./OverviewStrip"
import { StateAtLine } from "./StateAtPanel"
import classes from "./timeline.module.css"
import { useChosen } from "./useChosen"
import type { Range } from "./useRange"
import type { View } from "./view"
import { detailOf, titleOf } from "./words"

interface Props {
  agent: string
  state: TimelineState
  setState: Dispatch<SetStateAction<TimelineState>>
  range: Range
  groups: readonly Group[]
  nowMs: number
  onSelect: (item: TimelineItem) => void
  /** The instant that is looked at; null: none is. */
  pointedMs: number | null
  onPoint: (atMs: number | null) => void
}

/** Strip and lanes with their keys. */
export function Stage(props: Props) {
  const { agent, pointedMs, state, setState, range, groups, nowMs, onSelect, onPoint } = props
  const colors = useColors()
  const shown = useMemo(() => new Set(groups), [groups])
  const { bounds } = range
  const changes = useMemo(() => {
    const kinds = new Set<string>(kindsOf(groups, false))
    return range.changes.filter((item) => kinds.has(item.kind))
  }, [range.changes, groups])
  const { item: chosenItem, seek } = useChosen(agent, state, setState, changes, bounds)
  const show = useCallback(
    (view: View) => setState((before) => viewed(before, view, bounds)),
    [setState, bounds],
  )
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const step = afterKey(state, event.key, event.shiftKey, { ...bounds, changes })
    if (step === null) return
    event.preventDefault()
    setState(step.state)
    if (step.seek) void seek(step.seek.direction, step.seek.fromMs)
  }
  const pickMark = (mark: Mark) => {
    const item = chiefOf(mark)
    if (item === undefined) return
    if (isExplained(item)) onSelect(item)
    else setState((before) => ({ ...before, pinnedMs: item.at_ms }))
  }
  if (!range.isLoading && range.bounds.firstMs >= nowMs) {
    return (
      <Empty title="Nothing has happened yet" command={`fuseline timeline ${agent} --follow`}>
        As soon as {agent} is called, its states, calls and changes stand here.
      </Empty>
    )
  }
  return (
    <>
      <OverviewStrip
        context={range.context}
        view={state.view}
        firstMs={bounds.firstMs}
        nowMs={nowMs}
        bands={range.contextBands}
        counts={range.contextCounts}
        onShow={show}
      />
      <div
        className={classes.stage}
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes its own keys
        tabIndex={0}
        aria-label={`Timeline of ${agent}`}
        aria-describedby="timeline-keys"
        onKeyDown={onKeyDown}
      >
        {range.isLoading ? (
          <Skeleton h={LANES.height} />
        ) : (
          <Lanes
            view={state.view}
            firstMs={bounds.firstMs}
            nowMs={nowMs}
            bands={range.bands}
            counts={range.counts}
            calls={range.calls}
            changes={changes}
            groups={shown}
            selectedId={state.selected}
            selectedMs={chosenItem?.at_ms ?? null}
            pinnedMs={state.pinnedMs}
            onZoom={(factor, at) => setState(zoomedState(state, factor, at, bounds))}
            onShow={show}
            onPickMark={pickMark}
            onPickInstant={(atMs) => setState((before) => ({ ...before, pinnedMs: atMs }))}
            onPoint={onPoint}
          />
        )}
      </div>
      <StateAtLine agent={agent} atMs={pointedMs} />
      <Legend
        items={OUTCOMES.filter(({ key }) => shown.has(key === "timeout" ? "failure" : key)).map(
          ({ label, color }) => ({ label, color: colors[color] }),
        )}
        note={range.notes.join(" ")}
      />
      <p id="timeline-keys" className="fl-hidden">
        Left and right arrow move, plus and minus zoom, N and P go to the next and previous
        transition, Enter opens its explanation, comma and full stop choose an instant, Home and End
        go to the beginning and to now. The list below has the same.
      </p>
      <Text className="fl-hidden" aria-live="polite">
        {chosenItem === null
          ? ""
          : `${titleOf(chosenItem)}, ${exactTime(chosenItem.at_ms)}. ${detailOf(chosenItem)}`}
      </Text>
    </>
  )
}
