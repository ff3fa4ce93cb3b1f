// A wheel and a finger pause between their movements; shorter pauses are of the same scroll.
const REST_MS = 150

let lastMs = Number.NEGATIVE_INFINITY
let timer: ReturnType<typeof setTimeout> | undefined
const waiting = new Set<() => void>()

// Frames are scarce while the page scrolls: what can wait does.
window.addEventListener("scroll", noted, { passive: true })

function noted(): void {
  lastMs = performance.now()
}

/** Whether the page is being scrolled. */
export function isScrolling(): boolean {
  return performance.now() - lastMs < REST_MS
}

/** Calls `action` once, as soon as the page does not scroll any more; the answer takes it back. */
export function whenAtRest(action: () => void): () => void {
  waiting.add(action)
  timer ??= setTimeout(look, REST_MS)
  return () => waiting.delete(action)
}

function look(): void {
  timer = undefined
  if (isScrolling()) {
    timer = setTimeout(look, REST_MS)
    return
  }
  const actions = [...waiting]
  waiting.clear()
  for (const one of actions) one()
}
