import { cleanup, screen } from "@testing-library/react"
import { afterEach, describe, expect, it } from "vitest"
import type { CircuitWorkers } from "../api/models"
import { draw } from "../components/agents/testing"
import { Workers } from "./AgentOverviewTabWorkers"

afterEach(cleanup)

const plain = () => document.body.textContent?.replaceAll("\u00a0", " ") ?? ""

function found(changes: Partial<CircuitWorkers> = {}): CircuitWorkers {
  const one = (worker: string | null, calls: number, failures: number) => ({
    worker,
    calls,
    failures,
    failure_rate: failures / calls,
    timeouts: 0,
    last_ms: 0,
    kinds: {},
  })
  return {
    workers: [
      one("w1", 10, 9),
      one(null, 100, 1),
      ...Array.from({ length: 8 }, (_, n) => one(`v${n}`, 5, 0)),
    ],
    from_ms: 0,
    to_ms: 1,
    events: 150,
    in_trouble: 1,
    minimum_workers: 2,
    ...changes,
  }
}

describe("failures by worker", () => {
  it("shows failures of calls, the rest together, and the quorum", () => {
    draw(<Workers found={found()} />)
    expect(plain()).toContain("w19 of 10, 90 %")
    expect(plain()).toContain("unknown1 of 100, 1 %")
    expect(plain()).toContain("2 others0 of 10")
    expect(plain()).toContain("In trouble now: 1 worker; the circuit opens from 2 on.")
  })

  it("says nothing of a quorum of one, and that there were no calls", () => {
    draw(<Workers found={found({ workers: [], minimum_workers: 1 })} />)
    expect(screen.queryByTestId("quorum")).toBeNull()
    expect(plain()).toContain("No call ended in this range.")
  })
})
