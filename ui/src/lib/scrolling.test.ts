import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { isScrolling, whenAtRest } from "./scrolling"

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.advanceTimersByTime(1_000)
  vi.useRealTimers()
})

function scroll(): void {
  window.dispatchEvent(new Event("scroll"))
}

it("knows that the page scrolls until a moment after the last movement", () => {
  expect(isScrolling()).toBe(false)
  scroll()
  expect(isScrolling()).toBe(true)
  vi.advanceTimersByTime(100)
  scroll()
  vi.advanceTimersByTime(100)
  expect(isScrolling()).toBe(true)
  vi.advanceTimersByTime(100)
  expect(isScrolling()).toBe(false)
})

it("calls what waits once the page is at rest, each once, and nothing that was taken back", () => {
  const [first, second, gone] = [vi.fn(), vi.fn(), vi.fn()]
  whenAtRest(first)
  whenAtRest(second)
  whenAtRest(gone)()
  for (let ms = 0; ms < 1_000; ms += 50) {
    scroll()
    vi.advanceTimersByTime(50)
  }
  expect(first).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1_000)
  expect(first).toHaveBeenCalledTimes(1)
  expect(second).toHaveBeenCalledTimes(1)
  expect(gone).not.toHaveBeenCalled()
})
