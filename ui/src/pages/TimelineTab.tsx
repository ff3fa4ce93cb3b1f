import { useParams } from "@tanstack/react-router"
import { useMemo, useState } from "react"
import type { TimelineItem } from "../api/models"
import { useLiveTimeline } from "../components/charts/useChangeTick"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { ExplanationPanel } from "../components/timeline/ExplanationPanel"
import { ExportMenu } from "../components/timeline/ExportMenu"
import { ItemsList } from "../components/timeline/ItemsList"
import { groupsFrom, kindsOf } from "../components/timeline/kinds"
import { chosen } from "../components/timeline/machine"
import { Stage } from "../components/timeline/Stage"
import { KeysHelp, StateAtPanel } from "../components/timeline/StateAtPanel"
import { Toolbar } from "../components/timeline/Toolbar"
import classes from "../components/timeline/timeline.module.css"
import { useRange } from "../components/timeline/useRange"
import { useTimeline } from "../components/timeline/useTimeline"
import { useViewActions } from "../components/timeline/useViewActions"

/** What happened to a circuit, on one axis of time. */
export function TimelineTab() {
  const { name } = useParams({ from: "/shell/agents/$name/timeline" })
  useLiveTimeline(name)
  const { state, setState, search, setOption, nowMs } = useTimeline()
  const groups = useMemo(() => groupsFrom(search.kinds), [search.kinds])
  const range = useRange(name, state.view, nowMs)
  const actions = useViewActions(setState, range.bounds)
  const [pointedMs, setPointedMs] = useState<number | null>(null)
  const [showsKeys, setShowsKeys] = useState(false)
  const select = (item: TimelineItem) =>
    setState((before) => chosen({ ...before, view: state.view }, item, range.bounds, true))
  if (range.error !== null) {
    return (
      <ErrorPanel error={range.error} title="The timeline could not be read" retry={range.retry} />
    )
  }
  return (
    <div className={classes.page}>
      <div className={classes.surface}>
        <Toolbar
          view={state.view}
          live={state.live}
          groups={groups}
          {...actions}
          onGroups={(kinds) => setOption({ kinds })}
          onHelp={() => setShowsKeys((before) => !before)}
        >
          <ExportMenu agent={name} view={state.view} kinds={kindsOf(groups, true)} />
        </Toolbar>
        {showsKeys && <KeysHelp onClose={() => setShowsKeys(false)} />}
      </div>
      <div className={classes.surface}>
        <Stage
          agent={name}
          state={state}
          setState={setState}
          range={range}
          groups={groups}
          nowMs={nowMs}
          pointedMs={state.pinnedMs ?? pointedMs}
          onSelect={select}
          onPoint={setPointedMs}
        />
      </div>
      <div className={classes.below}>
        <ItemsList
          agent={name}
          range={range.fetched}
          view={state.view}
          groups={groups}
          withCalls={search.list === "all"}
          onWithCalls={(all) => setOption({ list: all ? "all" : "changes" })}
          selected={state.selected}
          onSelect={select}
        />
        <div className={classes.side}>
          {state.opened && state.selected !== null && (
            <ExplanationPanel
              agent={name}
              transition={state.selected}
              onClose={() => setState((before) => ({ ...before, opened: false }))}
            />
          )}
          <StateAtPanel
            agent={name}
            atMs={state.pinnedMs ?? pointedMs}
            pinned={state.pinnedMs !== null}
            onUnpin={() => setState((before) => ({ ...before, pinnedMs: null }))}
          />
        </div>
      </div>
    </div>
  )
}
