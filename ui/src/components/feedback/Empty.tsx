import { Code, Stack, Text, Title } from "@mantine/core"
import type { ReactNode } from "react"
import classes from "./feedback.module.css"

interface Props {
  title: string
  /** What this place will show. */
  children: ReactNode
  /** The one command that fills it. */
  command?: string
  action?: ReactNode
  /** 1 where it is all of a page. */
  order?: 1 | 2
}

/** A place with nothing in it yet. */
export function Empty({ title, children, command, action, order = 2 }: Props) {
  return (
    <Stack className={classes.empty} align="center" gap="xs">
      <Title order={order} size="h2">
        {title}
      </Title>
      <Text c="dimmed" maw={520} ta="center">
        {children}
      </Text>
      {command !== undefined && (
        <Code block className={classes.command}>
          {command}
        </Code>
      )}
      {action}
    </Stack>
  )
}
