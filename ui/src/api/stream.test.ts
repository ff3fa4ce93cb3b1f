import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { CircuitStream } from "./stream"

class Source {
  static readonly CLOSED = 2
  static all: Source[] = []
  readyState = 0
  closed = false
  private readonly listeners = new Map<string, ((event: unknown) => void)[]>()

  constructor(readonly url: string) {
    Source.all.push(this)
  }

  addEventListener(name: string, listener: (event: unknown) => void): void {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener])
  }

  close(): void {
    this.closed = true
  }

  say(name: string, data: unknown = {}, lastEventId = ""): void {
    const event = { data: JSON.stringify(data), lastEventId }
    for (const one of this.listeners.get(name) ?? []) one(event)
  }
}

function newest(): Source {
  const source = Source.all.at(-1)
  if (source === undefined) throw new Error("nothing was opened")
  return source
}

const ROW = { agent: "a", state: "closed", mode: "auto", problem: null, thresholds: null }

function snapshot(...circuits: object[]) {
  return { now_ms: Date.now(), part: 1, parts: 1, circuits, reason: "first" }
}

let frames: FrameRequestCallback[] = []
let stop: () => void = () => undefined
let stream: CircuitStream

beforeEach(() => {
  vi.useFakeTimers()
  Source.all = []
  frames = []
  vi.stubGlobal("EventSource", Source)
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => frames.push(callback))
  vi.stubGlobal("cancelAnimationFrame", () => {
    frames = []
  })
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => new Response("{}", { status: 200 })),
  )
  stream = new CircuitStream()
  stop = stream.start()
})

afterEach(() => {
  stop()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

function paint(): void {
  for (const frame of frames.splice(0)) frame(0)
}

describe("events", () => {
  it("are applied together, once a frame, and tell only the rows they touch", () => {
    const a = vi.fn()
    const b = vi.fn()
    const all = vi.fn()
    newest().say("snapshot", snapshot(ROW, { ...ROW, agent: "b" }), "1")
    paint()
    stream.onRow("a", a)
    stream.onRow("b", b)
    stream.onTable(all)
    for (const epoch of [1, 2, 3]) {
      const circuits = [{ ...ROW, epoch }]
      newest().say("changes", { now_ms: Date.now(), circuits, removed: [], left: [] }, "2")
    }
    expect(a).not.toHaveBeenCalled()
    paint()
    expect(a).toHaveBeenCalledTimes(1)
    expect(all).toHaveBeenCalledTimes(1)
    expect(b).not.toHaveBeenCalled()
    expect(stream.table.get("a")?.epoch).toBe(3)
  })

  it("are told also when there is no circuit yet", () => {
    const all = vi.fn()
    stream.onTable(all)
    newest().say("snapshot", snapshot(), "1")
    paint()
    expect(stream.table.loaded).toBe(true)
    expect(all).toHaveBeenCalledTimes(1)
  })

  it("wait while the page scrolls, up to a quarter of a second", () => {
    newest().say("snapshot", snapshot(ROW), "1")
    paint()
    const all = vi.fn()
    stream.onTable(all)
    // A second of scrolling, with a change in each of its sixty frames.
    for (let frame = 0; frame < 60; frame += 1) {
      window.dispatchEvent(new Event("scroll"))
      const circuits = [{ ...ROW, epoch: frame }]
      newest().say("changes", { now_ms: Date.now(), circuits, removed: [], left: [] }, "2")
      vi.advanceTimersByTime(1_000 / 60)
      paint()
    }
    expect(all.mock.calls.length).toBeGreaterThanOrEqual(3)
    expect(all.mock.calls.length).toBeLessThanOrEqual(4)
    vi.advanceTimersByTime(250)
    paint()
    expect(stream.table.get("a")?.epoch).toBe(59)
  })

  it("do not wait for frames in a hidden tab", () => {
    vi.spyOn(document, "hidden", "get").mockReturnValue(true)
    newest().say("snapshot", snapshot(ROW), "1")
    expect(stream.table.size).toBe(1)
  })

  it("of health are told at once", () => {
    const told = vi.fn()
    stream.onConnection(told)
    newest().say("health", { server: false, unprojected_shards: [3] })
    expect(stream.connection.health).toEqual({ server: false, unprojected_shards: [3] })
    expect(told).toHaveBeenCalledTimes(1)
  })
})

describe("the connection", () => {
  it("is live once open", () => {
    expect(stream.connection.state).toBe("connecting")
    newest().say("open")
    expect(stream.connection.state).toBe("live")
  })

  it("that is back within a moment was never away", () => {
    newest().say("open")
    newest().say("error")
    vi.advanceTimersByTime(1_000)
    newest().say("open")
    vi.advanceTimersByTime(60_000)
    expect(stream.connection.state).toBe("live")
  })

  it("that stays away is reconnecting, then stale, and says when it was seen last", () => {
    newest().say("open")
    const lost = Date.now()
    newest().say("error")
    vi.advanceTimersByTime(2_000)
    expect(stream.connection.state).toBe("reconnecting")
    newest().say("error")
    vi.advanceTimersByTime(10_000)
    expect(stream.connection).toMatchObject({ state: "stale", lastSeenMs: lost })
    newest().say("open")
    expect(stream.connection.state).toBe("live")
  })

  it("that the server refuses is tried again with the last id", () => {
    newest().say("open")
    newest().say("snapshot", snapshot(ROW), "7.8")
    newest().readyState = Source.CLOSED
    newest().say("error")
    vi.advanceTimersByTime(2_000)
    expect(Source.all).toHaveLength(2)
    expect(newest().url).toBe("/api/v1/stream?last_event_id=7.8")
    expect(fetch).toHaveBeenCalledWith("/api/v1/me", expect.anything())
  })

  it("is not tried again once the page is left", () => {
    newest().readyState = Source.CLOSED
    newest().say("error")
    stop()
    vi.advanceTimersByTime(120_000)
    expect(Source.all).toHaveLength(1)
    expect(newest().closed).toBe(true)
  })
})
