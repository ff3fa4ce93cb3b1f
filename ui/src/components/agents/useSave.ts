import { notifications } from "@mantine/notifications"
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { ApiProblem, api, type Tagged } from "../../api/client"
import { keys } from "../../api/queries"
import type { AgentResponse } from "../../types/agent"
import { changesOf, documentOf, type Flat, patchOf } from "./flat"
import { placedErrors } from "./formState"
import { differencesOf, merged, type Side } from "./merge"
import { type AgentFormModel, type Base, baseOf } from "./useAgentForm"

interface Wanted {
  name: string
  base: Base | null
  flat: Flat
  reason: string
}

/** The other's version, held against mine. */
export interface Conflict {
  theirs: Base
  /** What I started from and what I want. */
  base: Flat
  mine: Flat
}

/** Creates or changes the agent; brings refusals to their fields and conflicts to the eye. */
export function useSave(form: AgentFormModel, onSaved: (agent: AgentResponse) => void) {
  const client = useQueryClient()
  const [conflict, setConflict] = useState<Conflict | null>(null)

  const save = useMutation<Tagged<AgentResponse>, Error, Wanted>({
    mutationFn: send,
    onSuccess: (stored, { base }) => {
      if (base !== null) {
        client.setQueryData(keys.agent(stored.data.name), stored)
        form.load(baseOf(stored))
      }
      void client.invalidateQueries({ queryKey: keys.agents() })
      setConflict(null)
      const done = base === null ? "is registered" : "is saved"
      notifications.show({ color: "teal", message: `${stored.data.name} ${done}` })
      onSaved(stored.data)
    },
    onError: async (error, wanted) => {
      if (!(error instanceof ApiProblem)) return
      if (error.status === 412 && wanted.base !== null) {
        const path = { name: wanted.name }
        const stored = await api.tagged.get("/api/v1/agents/{name}", { path })
        client.setQueryData(keys.agent(wanted.name), stored)
        compare(stored, wanted.base.flat, wanted.flat)
        return
      }
      setConflict(null)
      if (error.status === 409 && wanted.base === null) {
        form.refuse({ name: "There is an agent of this name already" })
      } else {
        form.refuse(placedErrors(error.problem.errors ?? []))
      }
    },
  })

  const compare = (stored: Tagged<AgentResponse>, base: Flat, mine: Flat) =>
    setConflict({ theirs: baseOf(stored), base, mine })
  const differences =
    conflict === null ? [] : differencesOf(conflict.base, conflict.mine, conflict.theirs.flat)

  return {
    saving: save.isPending,
    /** What failed and has no field or dialog of its own. */
    failure: failureOf(save.error, form),
    conflict,
    differences,
    compare,
    save: (reason: string) =>
      save.mutate({ name: form.state.name.trim(), base: form.base, flat: form.flat, reason }),
    /** Goes on from their version with the sides chosen; saves if anything of mine is left. */
    resolve: (sides: Readonly<Record<string, Side>>, reason: string) => {
      if (conflict === null) return
      const { theirs } = conflict
      const flat = merged(theirs.flat, differences, sides)
      form.load(theirs, flat)
      if (changesOf(theirs.flat, flat).length === 0) setConflict(null)
      else save.mutate({ name: theirs.agent.name, base: theirs, flat, reason })
    },
    takeTheirs: () => {
      if (conflict !== null) form.load(conflict.theirs)
      setConflict(null)
      save.reset()
    },
    dismiss: () => setConflict(null),
  }
}

async function send({ name, base, flat, reason }: Wanted): Promise<Tagged<AgentResponse>> {
  const query = { reason: reason.trim() }
  if (base === null) {
    const data = await api.post("/api/v1/agents", { body: documentOf(name, flat), query })
    // Its ETag is read with it where it is edited.
    return { data, etag: null }
  }
  return api.tagged.patch("/api/v1/agents/{name}", {
    path: { name },
    query,
    body: patchOf(changesOf(base.flat, flat)),
    ifMatch: base.etag,
  })
}

function failureOf(error: Error | null, form: AgentFormModel): Error | null {
  if (!(error instanceof ApiProblem)) return error
  if (error.status === 412) return null
  if (error.status === 409 && form.base === null) return null
  const fields = Object.keys(placedErrors(error.problem.errors ?? []))
  return error.status === 422 && fields.length > 0 && fields.every(hasField) ? null : error
}

// Refusals of what has no field here stand in words at the end of the form.
const hasField = (path: string): boolean =>
  !path.startsWith("options") && path !== "" && !path.includes("[")
