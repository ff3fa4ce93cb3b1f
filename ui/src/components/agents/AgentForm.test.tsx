import { notifications } from "@mantine/notifications"
import { cleanup, fireEvent, screen, waitFor } from "@testing-library/react"
import { afterEach, describe, expect, it, vi } from "vitest"
import type { AgentResponse } from "../../types/agent"
import { AgentForm } from "./AgentForm"
import { agent, DEFAULTS, draw, problem, serve } from "./testing"

// The form is large, and the machines of a CI are slow.
vi.setConfig({ testTimeout: 20_000 })

afterEach(() => {
  notifications.clean()
  cleanup()
  vi.unstubAllGlobals()
})

const field = (name: string) => screen.getByLabelText(new RegExp(`^${name}( \\*)?$`))
const invalid = (name: string) => field(name).getAttribute("aria-invalid") === "true"
function button(name: string): HTMLElement {
  const found = screen.queryByLabelText(name) ?? screen.getByText(name).closest("button")
  if (found === null) throw new Error(`no button ${name}`)
  return found
}

function retype(name: string, value: string): void {
  fireEvent.change(field(name), { target: { value } })
}

/** Rows of the table in the form, or in the dialog above it. */
function rowsOf(where: "form" | "dialog"): Element[] {
  const inside = where === "form" ? "form" : "[role=dialog]"
  return [...document.querySelectorAll(`${inside} tbody tr`)]
}

function edit(changes: Partial<AgentResponse> = {}) {
  draw(<AgentForm stored={{ data: agent(changes), etag: '"1"' }} defaults={DEFAULTS} />)
}

describe("a new agent", () => {
  it("shows the breaker's fields only while it is enabled, with defaults as placeholders", () => {
    draw(<AgentForm defaults={{ ...DEFAULTS, failure_threshold: 7 }} />)
    expect(field("Failures in a row").getAttribute("placeholder")).toBe("7")
    expect(field("Failure rate").getAttribute("placeholder")).toBe("50")
    fireEvent.click(screen.getByLabelText("Circuit breaker enabled"))
    expect(screen.queryByLabelText("Failures in a row")).toBeNull()
    expect(screen.getByTestId("meaning").textContent).toMatch(/^The breaker is off/)
  })

  it("says while typing what is allowed, and what the settings mean", async () => {
    draw(<AgentForm defaults={DEFAULTS} />)
    retype("Failures in a row", "0")
    expect(invalid("Failures in a row")).toBe(true)
    expect(screen.getByText("A whole number from 1 to 1,000,000")).toBeTruthy()
    expect(screen.queryByTestId("meaning")).toBeNull()
    retype("Failures in a row", "1")
    expect(invalid("Failures in a row")).toBe(false)
    expect(screen.getByTestId("meaning").textContent).toMatch(/^Opens after a single failure/)
  })

  it("is not sent while something is wrong, and names only what was chosen", async () => {
    const saved = vi.fn()
    const sent = serve(() => ({ status: 201, json: agent({ name: "billing" }) }))
    draw(<AgentForm defaults={DEFAULTS} onSaved={saved} />)
    fireEvent.click(button("Create agent"))
    expect(sent).toEqual([])
    expect(screen.getByText("A name")).toBeTruthy()
    retype("Name", "billing")
    retype("Address", "https://billing.example.com/agent")
    retype("Failure rate", "29")
    fireEvent.click(screen.getByLabelText("Failures in a row: off"))
    fireEvent.click(button("Create agent"))
    await waitFor(() => expect(saved).toHaveBeenCalled())
    expect(sent.map(({ method, body }) => [method, body])).toEqual([
      [
        "POST",
        {
          name: "billing",
          url: "https://billing.example.com/agent",
          circuit_breaker_config: { failure_rate_threshold: 0.29, failure_threshold: null },
        },
      ],
    ])
  })

  it("has the server's refusals at their fields until these change", async () => {
    serve(() =>
      problem(422, [
        { field: "circuit_breaker_config.minimum_calls", allowed: "another number" },
        { field: "tags[0]", allowed: "other letters" },
      ]),
    )
    draw(<AgentForm defaults={DEFAULTS} />)
    retype("Name", "billing")
    retype("Address", "https://billing.example.com")
    fireEvent.click(button("Create agent"))
    await screen.findByText("The server takes another number")
    expect(invalid("Minimum calls")).toBe(true)
    expect(screen.getByText("The server takes other letters")).toBeTruthy()
    retype("Minimum calls", "20")
    expect(screen.queryByText("The server takes another number")).toBeNull()
  })
})

describe("a change", () => {
  it("shows field, before and after, and sends that alone under the ETag", async () => {
    const sent = serve(() => ({ json: agent({ revision: 2 }), etag: '"2"' }))
    edit({
      circuit_breaker_config: { failure_threshold: 3 },
      headers: { Authorization: "Bearer ***" },
    })
    expect(button("Save changes")).toHaveProperty("disabled", true)
    fireEvent.click(button("Failures in a row: reset to default"))
    retype("Open for", "30")
    const rows = rowsOf("form")
    expect(
      rows.map((row) =>
        [...row.children].map((cell) => cell.textContent?.replaceAll("\u00a0", " ")),
      ),
    ).toEqual([
      ["Failures in a row", "3", "default (5)"],
      ["Open for", "default (1 min)", "30 s"],
    ])
    retype("Reason", "calmer")
    fireEvent.click(button("Save changes"))
    await screen.findByText("billing is saved")
    expect(sent).toHaveLength(1)
    expect(sent[0]?.url).toBe("/api/v1/agents/billing?reason=calmer")
    expect(sent[0]?.headers.get("If-Match")).toBe('"1"')
    expect(sent[0]?.body).toEqual({
      circuit_breaker_config: { failure_threshold: "default", timeout_seconds: 30 },
    })
    expect(button("Save changes")).toHaveProperty("disabled", true)
  })

  it("keeps hidden headers, and refuses one that was altered", async () => {
    edit({ headers: { Authorization: "Bearer ***" } })
    expect(screen.getByText(/Hidden; kept as it is/)).toBeTruthy()
    fireEvent.change(screen.getByLabelText("Value of header 1"), {
      target: { value: "Bearer ***x" },
    })
    expect(screen.getByText(/cannot be moved or altered/)).toBeTruthy()
  })
})

describe("a change that somebody else was faster with", () => {
  const theirs = agent({
    revision: 2,
    updated_by: "bob",
    description: "theirs",
    circuit_breaker_config: { failure_threshold: 8 },
  })

  async function collide() {
    const patches: unknown[] = []
    const sent = serve(({ method, body }) => {
      if (method === "GET") return { json: theirs, etag: '"2"' }
      patches.push(body)
      return patches.length === 1 ? problem(412) : { json: { ...theirs, revision: 3 }, etag: '"3"' }
    })
    edit()
    retype("Failures in a row", "3")
    retype("Open for", "30")
    fireEvent.click(button("Save changes"))
    await screen.findByText("Save as chosen")
    return sent
  }

  it("shows both versions, and saves what is chosen over theirs", async () => {
    const sent = await collide()
    const rows = rowsOf("dialog")
    expect(rows.map((row) => row.textContent?.replaceAll("\u00a0", " "))).toEqual([
      "Descriptiononly they changed itnonetheirs",
      "Failures in a rowboth changed it; was default (5)38",
      "Open foronly you changed it30 sdefault (1 min)",
    ])
    fireEvent.click(screen.getByLabelText("Failures in a row: theirs"))
    fireEvent.click(button("Save as chosen"))
    await screen.findByText("billing is saved")
    const last = sent.at(-1)
    expect(last?.headers.get("If-Match")).toBe('"2"')
    expect(last?.body).toEqual({ circuit_breaker_config: { timeout_seconds: 30 } })
  })

  it("puts all of mine over theirs", async () => {
    const sent = await collide()
    fireEvent.click(button("Put mine over"))
    await screen.findByText("billing is saved")
    expect(sent.at(-1)?.body).toEqual({
      description: null,
      circuit_breaker_config: { failure_threshold: 3, timeout_seconds: 30 },
    })
  })

  it("takes theirs without saving anything", async () => {
    const sent = await collide()
    fireEvent.click(button("Take theirs"))
    expect(screen.queryByText("Save as chosen")).toBeNull()
    expect(field("Failures in a row")).toHaveProperty("value", "8")
    expect(field("Description")).toHaveProperty("value", "theirs")
    expect(button("Save changes")).toHaveProperty("disabled", true)
    expect(sent.filter(({ method }) => method === "PATCH")).toHaveLength(1)
  })
})
