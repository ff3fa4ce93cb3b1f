import { Group, Title } from "@mantine/core"
import { useDocumentTitle } from "@mantine/hooks"
import type { ReactNode } from "react"

interface Props {
  title: string
  /** What can be done here, at the right. */
  children?: ReactNode
}

/** The heading of a page, and its name in the browser's tab. */
export function PageTitle({ title, children }: Props) {
  useDocumentTitle(`${title} · Fuseline`)
  return (
    <Group justify="space-between" mb="md">
      <Title order={1}>{title}</Title>
      {children}
    </Group>
  )
}
