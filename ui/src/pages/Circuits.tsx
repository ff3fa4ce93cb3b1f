import { Button, Title } from "@mantine/core"
import { useDocumentTitle } from "@mantine/hooks"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { useCallback, useMemo, useState } from "react"
import { stream } from "../api/stream"
import type { CircuitTable } from "../api/table"
import { useCircuits, useIsOld } from "../api/useStream"
import { CircuitList } from "../components/circuits/CircuitList"
import classes from "../components/circuits/circuits.module.css"
import { Filters } from "../components/circuits/Filters"
import { groupedLines, NO_TAGS, plainLines } from "../components/circuits/groups"
import { Totals } from "../components/circuits/Totals"
import { Trouble } from "../components/circuits/Trouble"
import { useHold } from "../components/circuits/useHold"
import { useOrder } from "../components/circuits/useOrder"
import { useTags } from "../components/circuits/useTags"
import { inTrouble } from "../components/circuits/useTrouble"
import { Empty } from "../components/feedback/Empty"
import { PageSkeleton, RowSkeletons } from "../components/feedback/Skeletons"
import { useNow } from "../lib/clock"
import { count } from "../lib/format"
import type { CircuitsSearch } from "./circuitsSearch"

const NONE: never[] = []
const NOBODY: ReadonlySet<string> = new Set()

/** All circuits: those in trouble first, then every one. */
export function Circuits() {
  const loaded = useCircuits(isLoaded)
  const size = useCircuits(sizeOf)
  if (!loaded) return <PageSkeleton />
  return (
    <>
      <WindowTitle />
      <div className={classes.pageHead}>
        <Title order={1}>Circuits</Title>
        <Totals />
      </div>
      {size === 0 ? (
        <Empty title="No agents yet" command="fuseline up --demo">
          This page shows the circuit of each agent: its state, why, and what comes next. Register
          an agent under Agents, or look at three that fail on purpose:
        </Empty>
      ) : (
        <>
          <Trouble circuits={size} />
          <All />
        </>
      )}
    </>
  )
}

// Once a second: a browser takes its time for each new title.
function WindowTitle() {
  useNow()
  const { open, forced_open } = stream.table.counts()
  const refusing = open + forced_open
  useDocumentTitle(refusing > 0 ? `(${refusing} open) Circuits · Fuseline` : "Circuits · Fuseline")
  return null
}

function All() {
  const search = useSearch({ from: "/shell/" })
  const navigate = useNavigate({ from: "/" })
  const isOld = useIsOld()
  const known = useTags()
  const tags = known ?? NO_TAGS
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set())
  const { held, handlers } = useHold()
  const states = search.state ?? NONE
  const text = search.q ?? ""
  const tag = search.tag ?? ""
  const grouped = search.by === "tag"
  const agents = tag === "" ? null : (tags.agents.get(tag) ?? NOBODY)
  const filter = useMemo(() => ({ states, text, agents }), [states, text, agents])
  const { names, behind } = useOrder(filter, held)
  const lines = useMemo(
    () => (grouped ? groupedLines(names, tags, isTrouble, folded) : plainLines(names)),
    [names, grouped, tags, folded],
  )
  const fold = useCallback((key: string) => setFolded((before) => toggled(before, key)), [])
  const change = useCallback(
    (next: Change) =>
      void navigate({
        search: (before) => tidy({ ...before, ...next }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  )
  return (
    <section aria-labelledby="all" className={classes.section}>
      <div className={classes.allHead}>
        <h2 id="all" className={classes.heading}>
          All circuits<span className="fl-num"> · {count(names.length)}</span>
        </h2>
        <span className={classes.held}>
          {behind && "Order waits until the pointer leaves the list"}
        </span>
      </div>
      <Filters
        states={states}
        text={text}
        tag={tag}
        grouped={grouped}
        tags={tags}
        onStates={(state) => change({ state })}
        onText={(q) => change({ q })}
        onTag={(one) => change({ tag: one })}
        onGrouped={(on) => change({ by: on ? "tag" : undefined })}
      />
      <div className={classes.panel} data-old={isOld} {...handlers}>
        {known === undefined && (tag !== "" || grouped) ? (
          <RowSkeletons rows={8} height={40} />
        ) : names.length === 0 ? (
          <div className={classes.none}>
            No circuit passes the filter.{" "}
            <Button
              size="xs"
              variant="default"
              onClick={() => change({ state: [], q: "", tag: "" })}
            >
              Show all
            </Button>
          </div>
        ) : (
          <CircuitList lines={lines} tags={tags} onFold={fold} />
        )}
      </div>
    </section>
  )
}

type Change = { [K in keyof CircuitsSearch]?: CircuitsSearch[K] | undefined }

// What is at its default does not stand in the address.
function tidy({ state, q, tag, by }: Change): CircuitsSearch {
  return {
    ...(state && state.length > 0 ? { state } : {}),
    ...(q ? { q } : {}),
    ...(tag ? { tag } : {}),
    ...(by ? { by } : {}),
  }
}

function isTrouble(name: string): boolean {
  const row = stream.table.get(name)
  return row !== undefined && inTrouble(row)
}

function toggled(before: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(before)
  if (!next.delete(key)) next.add(key)
  return next
}

function isLoaded(table: CircuitTable): boolean {
  return table.loaded
}

function sizeOf(table: CircuitTable): number {
  return table.size
}
