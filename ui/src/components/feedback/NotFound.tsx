import { Anchor } from "@mantine/core"
import { Link } from "@tanstack/react-router"
import { Empty } from "./Empty"

/** An address that leads nowhere. */
export function NotFound() {
  return (
    <Empty
      title="There is no such page"
      action={
        <Anchor component={Link} to="/">
          All circuits
        </Anchor>
      }
    >
      The address may be of an older version, or mistyped.
    </Empty>
  )
}
