// A wheel and a finger pause between their movements; shorter pauses are of the same scroll.
const REST_MS = 150

let lastMs = Number.NEGATIVE_INFINITY
let looking = false
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
  lookLater()
  return () => waiting.delete(action)
}

function lookLater(): void {
  if (!looking) setTimeout(look, REST_MS)
  looking = true
}

function look(): void {
  looking = false
  if (isScrolling()) {
    lookLater()
    return
  }
  const actions = [...waiting]
  waiting.clear()
  for (const one of actions) one()
}
