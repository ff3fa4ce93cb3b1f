import { useEffect, useRef, useState } from "react"
import { stream } from "../../api/stream"
import { isScrolling, whenAtRest } from "../../lib/scrolling"
import { type Filter, ordered } from "./order"

const EVERY_MS = 1_000

interface Order {
  names: string[]
  /** Whether the rows would stand otherwise if they were not held. */
  behind: boolean
}

/**
 * The names to show, in order; put in order at most once a second, and not at all while `held` or
 * while the page scrolls: an eye that follows the rows would lose them, and the frames are needed.
 */
export function useOrder(filter: Filter, held: boolean): Order {
  const [order, setOrder] = useState<Order>(() => ({ names: now(filter), behind: false }))
  const applied = useRef(filter)
  const last = useRef(order.names)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null
    let takeBack = () => {}
    const update = () => {
      if (isScrolling() && applied.current === filter) {
        takeBack = whenAtRest(update)
        return
      }
      timer = null
      const names = now(filter, last.current)
      last.current = names
      setOrder((before) => {
        const same = before.names.length === names.length && before.names.every(at(names))
        // Rows are held for the pointer that is on them; where there were none, there is no such.
        if (held && before.names.length > 0 && applied.current === filter) {
          return before.behind === !same ? before : { ...before, behind: !same }
        }
        applied.current = filter
        return same
          ? before.behind
            ? { names: before.names, behind: false }
            : before
          : { names, behind: false }
      })
    }
    update()
    const stop = stream.onTable(() => {
      timer ??= setTimeout(update, EVERY_MS)
    })
    return () => {
      stop()
      if (timer !== null) clearTimeout(timer)
      takeBack()
    }
  }, [filter, held])
  return order
}

function now(filter: Filter, before: readonly string[] = []): string[] {
  return ordered(stream.table, filter, before)
}

function at(names: readonly string[]) {
  return (name: string, index: number) => names[index] === name
}
