import { Button, Group, Modal, NativeSelect, Stack, TextInput } from "@mantine/core"
import { type FormEvent, useState } from "react"
import { ALERT_RULE_BOUNDS } from "../../api/bounds"
import type { AlertChannel } from "../../api/models"
import { ApiProblem } from "../../api/problem"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { useCreateChannel } from "./queries"

const KINDS = [
  { value: "webhook", label: "webhook: a signed POST of JSON" },
  { value: "apprise", label: "apprise: Slack, mail, PagerDuty, Teams and others" },
]
const REFERENCE = `\${env:NAME} or \${file:/path}, of the process that sends`

/** Makes a channel; secrets are named, never typed in. */
export function ChannelForm({ onClose }: { onClose: () => void }) {
  const create = useCreateChannel()
  const [name, setName] = useState("")
  const [kind, setKind] = useState("webhook")
  const [url, setUrl] = useState("")
  const [secret, setSecret] = useState("")
  const isWebhook = kind === "webhook"
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const to: AlertChannel["to"] = isWebhook
      ? { kind: "webhook", url: url.trim(), secret: secret.trim() }
      : { kind: "apprise", url: url.trim() }
    create.mutate({ name: name.trim(), to }, { onSuccess: onClose })
  }
  const refused = (field: string) =>
    create.error instanceof ApiProblem ? create.error.allowedFor(field) : null
  return (
    <Modal opened onClose={onClose} title="New channel">
      <form onSubmit={submit}>
        <Stack>
          <TextInput
            label="Name"
            placeholder="ops"
            required
            withAsterisk={false}
            data-autofocus
            maxLength={ALERT_RULE_BOUNDS.name.maxLength}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={refused("name")}
          />
          <NativeSelect
            label="Kind"
            data={KINDS}
            value={kind}
            onChange={(event) => setKind(event.currentTarget.value)}
          />
          <TextInput
            label="URL"
            description={isWebhook ? "Or a reference to it, if it holds a secret" : REFERENCE}
            placeholder={isWebhook ? "https://ops.example.com/hooks/fuseline" : `\${env:SLACK_URL}`}
            required
            withAsterisk={false}
            value={url}
            onChange={(event) => setUrl(event.currentTarget.value)}
            error={refused("to.url")}
          />
          {isWebhook && (
            <TextInput
              label="Key of the signature"
              description={REFERENCE}
              placeholder={`\${env:OPS_WEBHOOK_SECRET}`}
              required
              withAsterisk={false}
              value={secret}
              onChange={(event) => setSecret(event.currentTarget.value)}
              error={refused("to.secret")}
            />
          )}
          {create.error && <ErrorPanel error={create.error} title="The channel was not made" />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending}>
              Make the channel
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
