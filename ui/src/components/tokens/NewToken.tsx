import {
  Button,
  Code,
  CopyButton,
  Group,
  Modal,
  NativeSelect,
  Stack,
  TextInput,
} from "@mantine/core"
import { type FormEvent, useState } from "react"
import type { Role } from "../../api/models"
import { ApiProblem } from "../../api/problem"
import { useCreateToken } from "../../api/queries"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { Notice } from "../feedback/Notice"
import classes from "./tokens.module.css"

const ROLES: { value: Role; label: string }[] = [
  { value: "viewer", label: "viewer: looks" },
  { value: "caller", label: "caller: also reports calls and hands in tasks" },
  { value: "operator", label: "operator: also forces circuits" },
  { value: "admin", label: "admin: also changes agents and tokens" },
]
const DAY = 86_400
const LIVES = [
  { value: String(30 * DAY), label: "30 days" },
  { value: String(90 * DAY), label: "90 days" },
  { value: String(365 * DAY), label: "1 year" },
  { value: "", label: "until it is revoked" },
]

interface Props {
  opened: boolean
  onClose: () => void
}

/** Makes a token, and shows its text this once. */
export function NewToken({ opened, onClose }: Props) {
  const create = useCreateToken()
  const close = () => {
    create.reset()
    onClose()
  }
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={create.data ? "The new token" : "New token"}
      closeOnClickOutside={!create.data}
    >
      {create.data ? <Once text={create.data.text} onClose={close} /> : <Form create={create} />}
    </Modal>
  )
}

function Form({ create }: { create: ReturnType<typeof useCreateToken> }) {
  const [name, setName] = useState("")
  const [role, setRole] = useState<Role>("viewer")
  const [life, setLife] = useState(LIVES[1]?.value ?? "")
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate({
      name: name.trim(),
      role,
      expires_in_seconds: life === "" ? null : Number(life),
    })
  }
  const refused = create.error instanceof ApiProblem ? create.error.allowedFor("name") : null
  return (
    <form onSubmit={submit}>
      <Stack>
        <TextInput
          label="Name"
          description="Stands in the history for what is done with it"
          placeholder="ci-deploy"
          data-autofocus
          required
          withAsterisk={false}
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={refused}
        />
        <NativeSelect
          label="Role"
          data={ROLES}
          value={role}
          onChange={(event) => setRole(event.currentTarget.value as Role)}
        />
        <NativeSelect
          label="Valid for"
          data={LIVES}
          value={life}
          onChange={(event) => setLife(event.currentTarget.value)}
        />
        {create.error && refused === null && (
          <ErrorPanel error={create.error} title="The token could not be made" />
        )}
        <Group justify="flex-end">
          <Button type="submit" loading={create.isPending} disabled={name.trim() === ""}>
            Make the token
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function Once({ text, onClose }: { text: string; onClose: () => void }) {
  return (
    <Stack>
      <Notice title="Copy it now">It is shown this once and kept nowhere.</Notice>
      <Code block className={classes.text}>
        {text}
      </Code>
      <Group justify="flex-end">
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy} data-autofocus>
              {copied ? "Copied" : "Copy"}
            </Button>
          )}
        </CopyButton>
        <Button onClick={onClose}>I have it</Button>
      </Group>
    </Stack>
  )
}
