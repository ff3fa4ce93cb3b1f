import { Button, Group, Modal, Stack, Table, Text } from "@mantine/core"
import { useState } from "react"
import type { TokenResponse } from "../../api/models"
import { useRevokeToken } from "../../api/queries"
import { millisOf } from "../../lib/format"
import { Empty } from "../feedback/Empty"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { TimeAgo } from "../state/TimeAgo"
import classes from "./tokens.module.css"

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
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must take the keyboard */}
      <section className={classes.scroll} aria-label="Tokens" tabIndex={0}>
        <Table verticalSpacing="sm" miw={720}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Name</Table.Th>
              <Table.Th>Role</Table.Th>
              <Table.Th>State</Table.Th>
              <Table.Th>Created</Table.Th>
              <Table.Th>Last used</Table.Th>
              <Table.Th>Expires</Table.Th>
              <Table.Th>
                <span className="fl-hidden">Actions</span>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {tokens.map((token) => (
              <Row key={token.id} token={token} onRevoke={() => setLeaving(token)} />
            ))}
          </Table.Tbody>
        </Table>
      </section>
      <Revoke token={leaving} onClose={() => setLeaving(null)} />
    </>
  )
}

function Row({ token, onRevoke }: { token: TokenResponse; onRevoke: () => void }) {
  return (
    <Table.Tr>
      <Table.Td fw={550}>{token.name}</Table.Td>
      <Table.Td>{token.role}</Table.Td>
      <Table.Td>
        <span className={classes.validity} data-valid={token.valid}>
          {stateOf(token)}
        </span>
      </Table.Td>
      <Table.Td>
        <TimeAgo atMs={millisOf(token.created_at)} />{" "}
        <Text span size="sm" c="dimmed">
          by {token.created_by}
        </Text>
      </Table.Td>
      <Table.Td>
        <TimeAgo atMs={millisOf(token.last_used_at)} />
      </Table.Td>
      <Table.Td>
        <TimeAgo atMs={millisOf(token.expires_at)} />
      </Table.Td>
      <Table.Td ta="right">
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
      </Table.Td>
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
