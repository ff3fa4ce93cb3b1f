import { Button, Group, Modal, Stack, Table, Text } from "@mantine/core"
import { useState } from "react"
import type { TokenResponse } from "../../api/models"
import { useRevokeToken } from "../../api/queries"
import { millisOf } from "../../lib/format"
import { DataCell, DataTable } from "../DataTable"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { TimeAgo } from "../state/TimeAgo"
import { Tag } from "../Tag"

const COLUMNS = ["Name", "Role", "State", "Created", "Last used", "Expires", ""]

/** All tokens, also those that are over. */
export function TokenTable({ tokens }: { tokens: readonly TokenResponse[] }) {
  const [leaving, setLeaving] = useState<TokenResponse | null>(null)
  if (tokens.length === 0) {
    return (
      <Empty title="No tokens yet" command="fuseline tokens create ci-deploy --role operator">
        Tokens let programs and people in: viewers look, callers report calls and hand in tasks,
        operators force circuits, admins change agents and tokens.
      </Empty>
    )
  }
  return (
    <>
      <DataTable label="Tokens" columns={COLUMNS}>
        {tokens.map((token) => (
          <Row key={token.id} token={token} onRevoke={() => setLeaving(token)} />
        ))}
      </DataTable>
      <Revoke token={leaving} onClose={() => setLeaving(null)} />
    </>
  )
}

function Row({ token, onRevoke }: { token: TokenResponse; onRevoke: () => void }) {
  return (
    <Table.Tr>
      <DataCell of="Name">
        <b>{token.name}</b>
      </DataCell>
      <DataCell of="Role">{token.role}</DataCell>
      <DataCell of="State">
        <Tag tone={token.valid ? "closed" : "off"}>{stateOf(token)}</Tag>
      </DataCell>
      <DataCell of="Created">
        <TimeAgo atMs={millisOf(token.created_at)} />{" "}
        <Text span size="sm" c="dimmed">
          by {token.created_by}
        </Text>
      </DataCell>
      <DataCell of="Last used">
        <TimeAgo atMs={millisOf(token.last_used_at)} />
      </DataCell>
      <DataCell of="Expires">
        <TimeAgo atMs={millisOf(token.expires_at)} />
      </DataCell>
      <DataCell of="">
        {token.valid && (
          <Button
            size="compact-sm"
            variant="default"
            onClick={onRevoke}
            aria-label={`Revoke ${token.name}`}
          >
            Revoke
          </Button>
        )}
      </DataCell>
    </Table.Tr>
  )
}

function stateOf(token: TokenResponse): string {
  if (token.valid) return "valid"
  return token.revoked_at === null ? "expired" : "revoked"
}

function Revoke({ token, onClose }: { token: TokenResponse | null; onClose: () => void }) {
  const revoke = useRevokeToken()
  const close = () => {
    revoke.reset()
    onClose()
  }
  return (
    <Modal opened={token !== null} onClose={close} title="Revoke this token?">
      {token && (
        <Stack>
          <Text size="sm">
            Whatever uses <b>{token.name}</b> is refused from now on, and its sessions end at once.
            This cannot be undone.
          </Text>
          {revoke.error && (
            <ErrorPanel error={revoke.error} title="The token could not be revoked" />
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Keep it
            </Button>
            <Button
              color="red"
              loading={revoke.isPending}
              onClick={() => revoke.mutate(token.id, { onSuccess: close })}
            >
              Revoke
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  )
}
