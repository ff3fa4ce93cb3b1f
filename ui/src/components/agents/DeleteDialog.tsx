import { Button, Code, Group, Modal, Stack, Text, Textarea, TextInput } from "@mantine/core"
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { OVERRIDE_BOUNDS } from "../../api/bounds"
import { api } from "../../api/client"
import { keys } from "../../api/queries"
import { ErrorPanel } from "../feedback/ErrorPanel"

interface Props {
  name: string
  etag: string | null
  /** Leaves the agent's page. */
  onDeleted: () => Promise<void>
  onClose: () => void
}

/** Takes an agent out of the registry, once its name is typed and a reason given. */
export function DeleteDialog({ name, etag, onDeleted, onClose }: Props) {
  const [typed, setTyped] = useState("")
  const [reason, setReason] = useState("")
  const client = useQueryClient()
  const remove = useMutation({
    mutationFn: () =>
      api.del("/api/v1/agents/{name}", {
        path: { name },
        query: { reason: reason.trim() },
        ifMatch: etag,
      }),
    onSuccess: async () => {
      // First away from what would ask for it again.
      await onDeleted()
      client.removeQueries({ queryKey: keys.agent(name) })
      client.removeQueries({ queryKey: keys.circuit(name) })
      void client.invalidateQueries({ queryKey: keys.agents() })
    },
  })
  const ready = typed === name && reason.trim() !== ""
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Remove ${name}`}
      styles={{ title: { fontWeight: 650 } }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (ready) remove.mutate()
        }}
      >
        <Stack gap="md">
          <Text size="sm">
            Its settings go, and its circuit closes. Workers that still call it are not held up any
            more. Its history stays; a new agent of this name begins anew.
          </Text>
          <TextInput
            label={
              <>
                Type <Code>{name}</Code> to confirm
              </>
            }
            value={typed}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <Textarea
            label="Reason"
            description="It stands in the history"
            autosize
            required
            maxLength={OVERRIDE_BOUNDS.reason.maxLength}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          {remove.error && <ErrorPanel error={remove.error} title="The agent was not removed" />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Keep it
            </Button>
            <Button type="submit" color="red.9" disabled={!ready} loading={remove.isPending}>
              Remove agent
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
