import { Button, Title } from "@mantine/core"
import { useDocumentTitle } from "@mantine/hooks"
import { useNavigate, useSearch } from "@tanstack/react-router"
import { useCallback, useMemo } from "react"
import type { CircuitTable } from "../api/table"
import { useCircuits, useConnection } from "../api/useStream"
import { CircuitList } from "../components/circuits/CircuitList"
import classes from "../components/circuits/circuits.module.css"
import { Filters } from "../components/circuits/Filters"
import { Totals } from "../components/circuits/Totals"
import { Trouble } from "../components/circuits/Trouble"
import { useHold } from "../components/circuits/useHold"
import { useOrder } from "../components/circuits/useOrder"
import { Empty } from "../components/feedback/Empty"
import { PageSkeleton } from "../components/feedback/Skeletons"
import { count } from "../lib/format"
import type { CircuitsSearch } from "./circuitsSearch"

const NONE: never[] = []

/** All circuits: those in trouble first, then every one. */
export function Circuits() {
  const loaded = useCircuits(isLoaded)
  const size = useCircuits(sizeOf)
  const open = useCircuits(openOf)
  useDocumentTitle(open > 0 ? `(${open} open) Circuits · Fuseline` : "Circuits · Fuseline")
  if (!loaded) return <PageSkeleton />
  return (
    <>
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

function All() {
  const search = useSearch({ from: "/shell/" })
  const navigate = useNavigate({ from: "/" })
  const stale = useConnection().state === "stale"
  const { held, handlers } = useHold()
  const states = search.state ?? NONE
  const text = search.q ?? ""
  const filter = useMemo(() => ({ states, text }), [states, text])
  const { names, behind } = useOrder(filter, held)
  const change = useCallback(
    (next: CircuitsSearch) =>
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
        onStates={(state) => change({ state })}
        onText={(q) => change({ q })}
      />
      <div className={classes.panel} data-stale={stale} {...handlers}>
        {names.length === 0 ? (
          <div className={classes.none}>
            No circuit passes the filter.{" "}
            <Button size="xs" variant="default" onClick={() => change({ state: [], q: "" })}>
              Show all
            </Button>
          </div>
        ) : (
          <CircuitList names={names} />
        )}
      </div>
    </section>
  )
}

// What is at its default does not stand in the address.
function tidy({ state, q }: CircuitsSearch): CircuitsSearch {
  return { ...(state && state.length > 0 ? { state } : {}), ...(q ? { q } : {}) }
}

function isLoaded(table: CircuitTable): boolean {
  return table.loaded
}

function sizeOf(table: CircuitTable): number {
  return table.size
}

function openOf(table: CircuitTable): number {
  const counts = table.counts()
  return counts.open + counts.forced_open
}
