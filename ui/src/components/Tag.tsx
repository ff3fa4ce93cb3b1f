import type { ReactNode } from "react"

interface Props {
  /** As the states of circuits are coloured; off: nothing to look at. */
  tone: "closed" | "half_open" | "open" | "off"
  children: ReactNode
}

/** One word that says how something stands. */
export function Tag({ tone, children }: Props) {
  return (
    <span className="fl-tag" data-tone={tone}>
      {children}
    </span>
  )
}
