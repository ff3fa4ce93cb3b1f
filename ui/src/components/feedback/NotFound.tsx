import { Anchor } from "@mantine/core"
import { Link } from "@tanstack/react-router"
import { Empty } from "./Empty"
import classes from "./feedback.module.css"

/** An address that leads nowhere. */
export function NotFound() {
  return (
    <main className={classes.alone}>
      <Empty
        title="There is no such page"
        order={1}
        action={
          <Anchor component={Link} to="/">
            All circuits
          </Anchor>
        }
      >
        The address may be of an older version, or mistyped.
      </Empty>
    </main>
  )
}
