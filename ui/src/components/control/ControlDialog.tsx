import { Button, Group, Input, Modal, SegmentedControl, Stack, Text, Textarea } from "@mantine/core"
import { useState } from "react"
import { OVERRIDE_BOUNDS } from "../../api/bounds"
import { useMe } from "../../api/queries"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { ACTIONS, type Action, SPANS } from "./actions"
import { useOverride } from "./useOverride"

interface Props {
  agent: string
  action: Action
  onClose: () => void
}

/** Says what an override does, asks why and for how long, and does it. */
export function ControlDialog({ agent, action, onClose }: Props) {
  const { title, effect, button, expires, color } = ACTIONS[action]
  const { data: me } = useMe()
  const [reason, setReason] = useState("")
  const [span, setSpan] = useState(SPANS[0]?.value ?? "")
  const override = useOverride(agent, action, onClose)
  const ready = reason.trim() !== ""
  return (
    <Modal opened onClose={onClose} title={title(agent)} styles={{ title: { fontWeight: 650 } }}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const seconds = span === "" ? null : Number(span)
          if (ready) override.mutate({ reason: reason.trim(), seconds })
        }}
      >
        <Stack gap="md">
          <Text size="sm">{effect}</Text>
          <Textarea
            label="Reason"
            description="It stands in the history"
            placeholder="maintenance until 4"
            autosize
            minRows={2}
            required
            data-autofocus
            maxLength={OVERRIDE_BOUNDS.reason.maxLength}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          {expires && (
            <Input.Wrapper label="For" labelElement="div">
              <SegmentedControl
                fullWidth
                aria-label="For how long"
                data={SPANS}
                value={span}
                onChange={setSpan}
              />
            </Input.Wrapper>
          )}
          {override.error && (
            <ErrorPanel error={override.error} title="The circuit stands as before" />
          )}
          <Group justify="space-between">
            <Text size="xs" c="dimmed">
              {me && (
                <>
                  You are <b>{me.actor}</b>, {me.role}
                </>
              )}
            </Text>
            <Group gap="sm" ml="auto">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" color={color} disabled={!ready} loading={override.isPending}>
                {button}
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
