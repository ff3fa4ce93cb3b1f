import { ActionIcon, Menu, Text } from "@mantine/core"
import { useNavigate } from "@tanstack/react-router"
import { useLogout, useMe } from "../api/queries"
import { UserIcon } from "../components/icons"

/** Who one is here, and the way out. */
export function UserMenu() {
  const { data: me } = useMe()
  const logout = useLogout()
  const navigate = useNavigate()
  if (me === undefined) return null
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`You: ${me.name}, ${me.role}`}>
          <UserIcon />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--mantine-color-text)">
            {me.name}
          </Text>
          <Text size="xs">
            {me.role}
            {me.kind === "local" && ", without a token: this machine is trusted"}
          </Text>
        </Menu.Label>
        {me.kind === "session" && (
          <Menu.Item
            onClick={() =>
              logout.mutate(undefined, { onSettled: () => navigate({ to: "/login" }) })
            }
          >
            Log out
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
