import { Button } from "@mantine/core"
import { type ReactNode, useState } from "react"
import { count } from "../lib/format"

interface Props<T> {
  items: readonly T[]
  first?: number
  children: (shown: readonly T[]) => ReactNode
}

/** The first few of a long list, and the others when they are asked for. */
export function FirstFew<T>({ items, first = 10, children }: Props<T>) {
  const [all, setAll] = useState(false)
  const more = items.length - first
  return (
    <>
      {children(all ? items : items.slice(0, first))}
      {more > 0 && (
        <Button variant="subtle" size="xs" mt={6} onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show ${count(more)} more`}
        </Button>
      )}
    </>
  )
}
