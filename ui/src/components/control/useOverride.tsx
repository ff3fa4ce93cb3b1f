import { Button, Group, Text } from "@mantine/core"
import { notifications } from "@mantine/notifications"
import { type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query"
import { api } from "../../api/client"
import { keys } from "../../api/queries"
import { ACTIONS, type Action } from "./actions"

interface Word {
  reason: string
  /** Null: until somebody changes it. */
  seconds: number | null
}

/** Gives an operator's word over a circuit; what was forced can be undone for a while. */
export function useOverride(agent: string, action: Action, onDone: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ reason, seconds }: Word) => {
      const { mode, reset, expires } = ACTIONS[action]
      const limit = expires && seconds !== null ? { expires_in_seconds: seconds } : {}
      return override(client, agent, { mode, reason, ...(reset ? { reset } : {}), ...limit })
    },
    onSuccess: ({ in_force }, { reason }) => {
      const { done, expires } = ACTIONS[action]
      const id = `override-${agent}`
      notifications.hide(id)
      notifications.show({
        id,
        color: "teal",
        autoClose: 12_000,
        message: (
          <Group justify="space-between" gap="sm" wrap="nowrap">
            <Text size="sm">
              {done(agent)}
              {!in_force && ". It is in the log and comes into force with the next projector."}
            </Text>
            {expires && (
              <Button
                size="compact-sm"
                variant="default"
                flex="none"
                onClick={() => void undo(client, agent, reason)}
              >
                Undo
              </Button>
            )}
          </Group>
        ),
      })
      onDone()
    },
  })
}

type Body = Parameters<typeof api.post<"/api/v1/circuits/{name}/override">>[1] extends
  | { body: infer B }
  | undefined
  ? B
  : never

async function override(client: QueryClient, name: string, body: Body) {
  const answer = await api.post("/api/v1/circuits/{name}/override", { path: { name }, body })
  void client.invalidateQueries({ queryKey: keys.circuit(name) })
  return answer
}

const UNDONE = "undone: "

async function undo(client: QueryClient, agent: string, reason: string): Promise<void> {
  const id = `override-${agent}`
  notifications.hide(id)
  try {
    await override(client, agent, { mode: "auto", reason: UNDONE + reason.slice(0, 400) })
    notifications.show({ color: "teal", message: `Undone. ${ACTIONS.auto.done(agent)}` })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    notifications.show({ color: "red", autoClose: false, message: `Not undone: ${why}` })
  }
}
