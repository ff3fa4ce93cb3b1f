import { useCallback, useRef, useState } from "react"
import type { Turn } from "../api/table"
import { useTurns } from "../api/useStream"
import { LOOKS } from "../lib/shown"

const NAMED = 3
const SPACING_MS = 3_000

/** Tells screen readers, without interrupting, which circuits turned. */
export function Announcer() {
  const [text, setText] = useState("")
  const waiting = useRef(new Map<string, Turn>())
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null)
  const announce = useCallback((turns: Turn[]) => {
    for (const turn of turns) if (turn.from !== null) waiting.current.set(turn.agent, turn)
    if (waiting.current.size === 0 || timer.current !== null) return
    // A storm is one sentence, not a hundred.
    timer.current = setTimeout(() => {
      timer.current = null
      setText(sentence([...waiting.current.values()]))
      waiting.current.clear()
    }, SPACING_MS)
  }, [])
  useTurns(announce)
  return (
    <div className="fl-hidden" role="status" aria-live="polite">
      {text}
    </div>
  )
}

function sentence(turns: Turn[]): string {
  if (turns.length > NAMED) return `${turns.length} circuits changed their state`
  return turns.map(({ agent, to }) => `${agent} is now ${LOOKS[to].word.toLowerCase()}`).join(". ")
}
