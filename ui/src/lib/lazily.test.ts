// @vitest-environment node
import { expect, it, vi } from "vitest"
import { persistently } from "./lazily"

it("is tried again until it is there, with longer and longer pauses", async () => {
  vi.useFakeTimers()
  const load = vi.fn(async () => "module")
  load.mockRejectedValueOnce(new Error("away")).mockRejectedValueOnce(new Error("away"))
  const loaded = persistently(load)
  await vi.advanceTimersByTimeAsync(499)
  expect(load).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(load).toHaveBeenCalledTimes(2)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(await loaded).toBe("module")
  expect(load).toHaveBeenCalledTimes(3)
  vi.useRealTimers()
})
