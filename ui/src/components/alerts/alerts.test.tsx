import { cleanup, screen, waitFor, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { afterEach, expect, it, vi } from "vitest"
import type { Role } from "../../api/models"
import { draw, problem, type Sent, serve } from "../agents/testing"
import { Channels } from "./Channels"
import { Deliveries } from "./Deliveries"
import { Incidents } from "./Incidents"
import { Rules } from "./Rules"

vi.setConfig({ testTimeout: 20_000 })

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

const stored = {
  rule: {
    name: "slow",
    when: { kind: "open_longer", for_seconds: 300 },
    severity: "critical",
    channels: ["ops"],
    enabled: true,
  },
  revision: 7,
  created_ms: 1,
  updated_ms: Date.now(),
  updated_by: "ann",
}
const channel = {
  channel: { name: "ops", to: { kind: "webhook", url: "https://ops.example", secret: "x" } },
  revision: 3,
  created_ms: 1,
  updated_ms: 1,
  updated_by: "ann",
}

function api(role: Role, answers: Record<string, unknown>, change: (sent: Sent) => object) {
  return serve((sent) => {
    if (sent.method !== "GET") return change(sent)
    const path = sent.url.replace("/api/v1/", "").replace(/\?.*/, "")
    if (path === "me") return { json: { name: "a", role, kind: "session", actor: "a" } }
    return { json: answers[path] ?? { items: [] } }
  })
}

it("says what there could be while there is nothing", async () => {
  api("admin", {}, () => ({}))
  draw(
    <>
      <Incidents />
      <Rules />
      <Channels />
      <Deliveries />
    </>,
  )
  for (const title of ["No incidents", "No rules yet", "No channels yet", "Nothing was sent yet"]) {
    await screen.findByText(title)
  }
})

it("says what failed, and tries again", async () => {
  let fails = true
  serve(() => (fails ? problem(503) : { json: { items: [] } }))
  draw(<Rules />)
  await screen.findByText("The rules could not be read")
  fails = false
  await userEvent.click(screen.getByRole("button", { name: "Try again" }))
  await screen.findByText("No rules yet")
})

it("makes a rule with the figures of its condition", async () => {
  const sent = api("operator", { "alerts/channels": { items: [channel] } }, () => ({
    status: 201,
    json: stored,
  }))
  draw(<Rules agent="billing" />)
  await screen.findByText("No rules yet")
  await waitFor(() => expect(newRule()).toHaveProperty("disabled", false))
  await userEvent.click(newRule())
  await userEvent.type(await screen.findByRole("textbox", { name: "Name" }), "stuck")
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "When" }), "open_longer")
  const seconds = screen.getByRole("textbox", { name: "For this long (seconds)" })
  await userEvent.clear(seconds)
  await userEvent.type(seconds, "90")
  await userEvent.click(screen.getByRole("button", { name: "Save the rule" }))
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull())
  const [post] = sent.filter(({ method }) => method === "POST")
  expect(post?.url).toBe("/api/v1/alerts/rules")
  expect(post?.body).toMatchObject({
    name: "stuck",
    when: { kind: "open_longer", for_seconds: 90 },
    agents: ["billing"],
    notify_resolved: true,
  })
})

const newRule = () => screen.getByRole("button", { name: "New rule" })

it("changes the revision that was read, and shows what the server refuses", async () => {
  const sent = api("operator", { "alerts/rules": { items: [stored] } }, () => problem(412))
  draw(<Rules />)
  await userEvent.click(await screen.findByRole("button", { name: "Change slow" }))
  await userEvent.click(await screen.findByRole("button", { name: "Save the rule" }))
  await screen.findByText("The rule was not saved")
  const [put] = sent.filter(({ method }) => method === "PUT")
  expect(put?.url).toBe("/api/v1/alerts/rules/slow")
  expect(put?.headers.get("If-Match")).toBe('"7"')
})

it("lets a viewer look, and change nothing", async () => {
  api(
    "viewer",
    { "alerts/rules": { items: [stored] }, "alerts/channels": { items: [channel] } },
    () => ({}),
  )
  draw(
    <>
      <Rules />
      <Channels />
    </>,
  )
  const rules = await screen.findByRole("region", { name: "Rules" })
  expect(rules.textContent).toMatch(/not closed for 5\smin/)
  await screen.findByRole("region", { name: "Channels" })
  expect(newRule()).toHaveProperty("disabled", true)
  expect(screen.queryByRole("button", { name: /^(Change|Remove|Send)/ })).toBeNull()
})

it("sends a test and says what came of it", async () => {
  const delivery = { result: "failed", error: "the receiver answered 500", id: "1-0" }
  const sent = api("operator", { "alerts/channels": { items: [channel] } }, () => ({
    json: delivery,
  }))
  draw(<Channels />)
  await userEvent.click(await screen.findByRole("button", { name: "Send a test to ops" }))
  await screen.findByText("The test was failed: the receiver answered 500")
  expect(sent.some(({ url }) => url === "/api/v1/alerts/channels/ops/test")).toBe(true)
})

it("tells open incidents from those that are over, and why nobody was told", async () => {
  const open = {
    id: "1",
    rule: "slow",
    kind: "opened",
    severity: "warning",
    subject: "billing",
    summary: "the circuit of billing opened",
    opened_ms: Date.now(),
    resolved_ms: 0,
    resolution: "",
    silenced: "cooldown",
    details: {},
  }
  const over = { ...open, id: "2", resolved_ms: Date.now(), silenced: "" }
  const sent = api("viewer", { "alerts/incidents": { items: [open, over] } }, () => ({}))
  draw(<Incidents agent="billing" />)
  const region = await screen.findByRole("region", { name: "Incidents" })
  expect(within(region).getAllByText("open")).toHaveLength(1)
  expect(region.textContent).toContain("Nobody was told: within the cooldown")
  expect(sent.some(({ url }) => url.includes("subject=billing"))).toBe(true)
})
