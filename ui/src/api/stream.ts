import { noteServerTime } from "../lib/clock"
import { isScrolling } from "../lib/scrolling"
import { api } from "./client"
import type { StreamChanges, StreamFigures, StreamHealth, StreamSnapshot } from "./models"
import { CircuitTable, type Turn } from "./table"

const ADDRESS = "/api/v1/stream"
// A stream is closed once an hour and at restarts, and is back at once: nobody need see that.
const GRACE_MS = 1_500
const STALE_MS = 10_000
// While the page scrolls its frames belong to the scrolling: rows that change wait so long.
const SCROLLING_MS = 250
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000]

export type ConnectionState = "connecting" | "live" | "reconnecting" | "stale"

/** How the stream stands. */
export interface Connection {
  state: ConnectionState
  /** When the connection was last known to work, by the browser's clock; null: never. */
  lastSeenMs: number | null
  health: StreamHealth
}

type Listener = () => void

/**
 * Follows `/api/v1/stream` and tells subscribers once a frame what is new; while the page scrolls,
 * four times a second.
 */
export class CircuitStream {
  readonly table = new CircuitTable()
  connection: Connection = {
    state: "connecting",
    lastSeenMs: null,
    health: { server: true, unprojected_shards: [] },
  }
  private source: EventSource | null = null
  private lastId = ""
  private attempts = 0
  private frame: number | null = null
  private flushTimer: ReturnType<typeof setTimeout> | null = null
  private flushedMs = Number.NEGATIVE_INFINITY
  private dropTimers: ReturnType<typeof setTimeout>[] = []
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private readonly waiting: (() => void)[] = []
  private readonly byName = new Map<string, Set<Listener>>()
  private readonly all = new Set<Listener>()
  private readonly ofConnection = new Set<Listener>()
  private readonly ofTurns = new Set<(turns: Turn[]) => void>()

  /** Begins to follow; the answer ends it. */
  start(): () => void {
    const online = () => this.open()
    const offline = () => this.dropped()
    window.addEventListener("online", online)
    window.addEventListener("offline", offline)
    this.open()
    return () => {
      window.removeEventListener("online", online)
      window.removeEventListener("offline", offline)
      this.close()
      this.stopTimers()
      this.report({ state: "connecting" })
    }
  }

  /** Told when the row of an agent is another. */
  onRow(name: string, listener: Listener): () => void {
    const listeners = this.byName.get(name) ?? new Set()
    this.byName.set(name, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.byName.get(name) === listeners) this.byName.delete(name)
    }
  }

  /** Told when any row is another. */
  onTable(listener: Listener): () => void {
    this.all.add(listener)
    return () => this.all.delete(listener)
  }

  onConnection(listener: Listener): () => void {
    this.ofConnection.add(listener)
    return () => this.ofConnection.delete(listener)
  }

  /** Told which circuits turned from one state to another. */
  onTurns(listener: (turns: Turn[]) => void): () => void {
    this.ofTurns.add(listener)
    return () => this.ofTurns.delete(listener)
  }

  /** Applies what has come, and tells it. */
  flush(): void {
    this.unschedule()
    this.flushedMs = performance.now()
    const { loaded } = this.table
    for (const apply of this.waiting.splice(0)) apply()
    const { names, turns } = this.table.take()
    // A first snapshot without circuits touches none, and yet ends the waiting.
    if (names.size > 0 || turns.length > 0 || loaded !== this.table.loaded) {
      for (const name of names) for (const one of this.byName.get(name) ?? []) one()
      for (const one of this.all) one()
      if (turns.length > 0) for (const one of this.ofTurns) one(turns)
    }
  }

  private open(): void {
    this.close()
    clearTimeout(this.retryTimer)
    // EventSource sends Last-Event-ID only when it reconnects by itself.
    const query = this.lastId === "" ? "" : `?last_event_id=${encodeURIComponent(this.lastId)}`
    const source = new EventSource(ADDRESS + query)
    this.source = source
    source.addEventListener("open", () => this.opened())
    source.addEventListener("error", () => this.failed(source))
    this.listen<StreamSnapshot>(source, "snapshot", (event) => this.table.snapshot(event))
    this.listen<StreamChanges>(source, "changes", (event) => this.table.changes(event))
    this.listen<StreamFigures>(source, "figures", (event) => this.table.figures(event.circuits))
    source.addEventListener("health", (message) => {
      this.report({ health: JSON.parse(message.data) as StreamHealth })
    })
    // `overrun` and `closing` end the stream; the browser then connects again with the last id.
  }

  private listen<T extends { now_ms: number }>(
    source: EventSource,
    name: string,
    apply: (event: T) => void,
  ): void {
    source.addEventListener(name, (message: MessageEvent<string>) => {
      const event = JSON.parse(message.data) as T
      if (message.lastEventId !== "") this.lastId = message.lastEventId
      noteServerTime(event.now_ms)
      this.waiting.push(() => apply(event))
      this.schedule()
    })
  }

  private schedule(): void {
    // Frames stand still in a hidden tab; events must not pile up there.
    if (document.hidden) {
      this.flush()
      return
    }
    if (this.frame !== null || this.flushTimer !== null) return
    const wait = isScrolling() ? this.flushedMs + SCROLLING_MS - performance.now() : 0
    if (wait > 0) this.flushTimer = setTimeout(() => this.flushNextFrame(), wait)
    else this.flushNextFrame()
  }

  private flushNextFrame(): void {
    this.flushTimer = null
    this.frame = requestAnimationFrame(() => this.flush())
  }

  private unschedule(): void {
    if (this.frame !== null) cancelAnimationFrame(this.frame)
    this.frame = null
    if (this.flushTimer !== null) clearTimeout(this.flushTimer)
    this.flushTimer = null
  }

  private opened(): void {
    this.attempts = 0
    this.stopTimers()
    this.report({ state: "live", lastSeenMs: Date.now() })
  }

  private failed(source: EventSource): void {
    if (source !== this.source) return
    this.dropped()
    if (source.readyState !== EventSource.CLOSED) return
    // The browser gives up when the answer is an error; a 401 leads to the login page.
    const wait = RETRY_MS[Math.min(this.attempts, RETRY_MS.length - 1)] ?? 30_000
    this.attempts += 1
    this.retryTimer = setTimeout(
      () => {
        api.get("/api/v1/me").catch(() => undefined)
        this.open()
      },
      wait * (0.75 + Math.random() / 2),
    )
  }

  private dropped(): void {
    if (this.dropTimers.length > 0) return
    if (this.connection.state === "live") this.report({ lastSeenMs: Date.now() })
    this.dropTimers.push(
      setTimeout(() => this.report({ state: "reconnecting" }), GRACE_MS),
      setTimeout(() => this.report({ state: "stale" }), STALE_MS),
    )
  }

  private close(): void {
    this.source?.close()
    this.source = null
    this.unschedule()
  }

  private stopTimers(): void {
    clearTimeout(this.retryTimer)
    for (const timer of this.dropTimers.splice(0)) clearTimeout(timer)
  }

  private report(change: Partial<Connection>): void {
    this.connection = { ...this.connection, ...change }
    for (const one of this.ofConnection) one()
  }
}

/** The one stream of the page. */
export const stream = new CircuitStream()
