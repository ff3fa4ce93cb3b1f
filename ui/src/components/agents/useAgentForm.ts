import { useEffect, useMemo, useState } from "react"
import type { Tagged } from "../../api/client"
import type { AgentResponse } from "../../types/agent"
import { changesOf, type Flat, flatOf, HEADERS } from "./flat"
import { type Errors, type FormState, nameError, readState, stateOf } from "./formState"
import { maskError } from "./HeaderRows"

/** What is stored, as the form began with it. */
export interface Base {
  agent: AgentResponse
  etag: string | null
  flat: Flat
}

export function baseOf({ data, etag }: Tagged<AgentResponse>): Base {
  return { agent: data, etag, flat: flatOf(data) }
}

// Empty fields are not wrong until somebody wants to save.
const BLANK = (state: FormState, path: string): boolean =>
  (path === "name" && state.name === "") || (path === "url" && !state.texts.url)

/** The fields of an agent, what they say, and what a save would change. */
export function useAgentForm(stored: Tagged<AgentResponse> | undefined) {
  const [base, setBase] = useState<Base | null>(() => (stored ? baseOf(stored) : null))
  const [initial, setInitial] = useState(() => stateOf(base?.agent.name ?? "", base?.flat))
  const [state, setState] = useState(initial)
  const [refused, setRefused] = useState<Errors>({})
  const [attempted, setAttempted] = useState(false)

  const shownHeaders = useMemo(() => new Map(Object.entries(base?.agent.headers ?? {})), [base])
  const { flat, errors: found } = useMemo(() => readState(state), [state])
  const errors = useMemo(() => {
    const all: Record<string, string> = { ...refused, ...found }
    const wrong = base === null ? nameError(state.name) : null
    if (wrong !== null) all.name = wrong
    for (const row of state.reach === "url" ? state.headers : []) {
      const problem = maskError(row, shownHeaders)
      if (problem !== undefined) all[HEADERS + row.name] = problem
    }
    return all
  }, [refused, found, base, state, shownHeaders])
  const visible = useMemo(
    () =>
      Object.fromEntries(
        Object.entries(errors).filter(([path]) => attempted || !BLANK(state, path)),
      ),
    [errors, attempted, state],
  )
  const changes = useMemo(() => changesOf(base?.flat ?? {}, flat), [base, flat])

  /** Begins anew with what is stored, and the fields at some settings. */
  const load = (next: Base, fields: Flat = next.flat) => {
    setBase(next)
    setInitial(stateOf(next.agent.name, next.flat))
    setState(stateOf(next.agent.name, fields))
    setRefused({})
    setAttempted(false)
  }

  // Somebody else's change is taken over at once while nothing is typed here.
  const newer = stored && base && stored.data.revision > base.agent.revision ? stored : null
  const clean = changes.length === 0 && Object.keys(errors).length === 0
  useEffect(() => {
    if (newer === null || !clean) return
    const next = baseOf(newer)
    setBase(next)
    setInitial(stateOf(next.agent.name, next.flat))
    setState(stateOf(next.agent.name, next.flat))
  }, [newer, clean])

  const change = (part: Partial<FormState>) => {
    setState((current) => ({ ...current, ...part }))
    setRefused((current) => without(current, state, part))
  }

  return {
    base,
    initial,
    state,
    flat,
    errors,
    visible,
    changes,
    newer: clean ? null : newer,
    shownHeaders,
    change,
    load,
    reset: () => (base ? load(base) : undefined),
    attempt: () => setAttempted(true),
    refuse: setRefused,
  }
}

export type AgentFormModel = ReturnType<typeof useAgentForm>

/** The server's refusals but for those of fields that were changed since. */
function without(refused: Errors, state: FormState, part: Partial<FormState>): Errors {
  const stays = (path: string): boolean => {
    if (path === "name") return part.name === undefined
    if (path.startsWith("headers")) return part.headers === undefined
    if (path in state.lists) return part.lists === undefined
    return part.texts === undefined || part.texts[path] === state.texts[path]
  }
  return Object.fromEntries(Object.entries(refused).filter(([path]) => stays(path)))
}
