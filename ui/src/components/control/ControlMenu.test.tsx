import { notifications } from "@mantine/notifications"
import { cleanup, screen, waitFor } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { afterEach, expect, it, vi } from "vitest"
import type { Role } from "../../api/models"
import { draw, serve } from "../agents/testing"
import { ControlMenu } from "./ControlMenu"

vi.setConfig({ testTimeout: 20_000 })

afterEach(() => {
  notifications.clean()
  cleanup()
  vi.unstubAllGlobals()
})

function open(role: Role, inForce = true, asked: "override" | "me" = "override") {
  const me = { name: "ann", role, kind: "session", actor: "ann@desk", csrf_token: null }
  const sent = serve(({ url }) =>
    url.endsWith("/me")
      ? { json: me }
      : { json: { circuit: {}, event_id: "1-0", in_force: inForce } },
  )
  draw(<ControlMenu agent="billing" compact />)
  return () => sent.filter(({ url }) => url.endsWith(asked)).map(({ url, body }) => [url, body])
}

async function choose(action: string) {
  await userEvent.click(await screen.findByRole("button", { name: "Control billing" }))
  await userEvent.click(await screen.findByRole("menuitem", { name: action }))
  return screen.findByRole("dialog")
}

const PATH = "/api/v1/circuits/billing/override"

it("is there for operators, not for viewers", async () => {
  open("operator")
  await screen.findByRole("button", { name: "Control billing" })
  cleanup()
  const asked = open("viewer", true, "me")
  await waitFor(() => expect(asked()).toHaveLength(1))
  await waitFor(() => expect(screen.queryByRole("button")).toBeNull())
})

it("says the effect and who one is, asks for a reason, and forces for ten minutes", async () => {
  const posts = open("operator")
  const dialog = await choose("Force open…")
  expect(dialog.textContent).toContain("Every call is refused at once, by all workers")
  expect(dialog.textContent).toContain("You are ann@desk, operator")
  const button = screen.getByRole("button", { name: "Force open" })
  expect(button).toHaveProperty("disabled", true)
  await userEvent.type(screen.getByRole("textbox", { name: /^Reason/ }), "  maintenance ")
  await userEvent.click(button)
  await screen.findByText("billing is forced open: all calls are refused")
  const body = { mode: "forced_open", reason: "maintenance", expires_in_seconds: 600 }
  expect(posts()).toEqual([[PATH, body]])
  expect(screen.queryByRole("dialog")).toBeNull()

  await userEvent.click(screen.getByRole("button", { name: "Undo" }))
  await screen.findByText(/^Undone/)
  expect(posts()[1]).toEqual([PATH, { mode: "auto", reason: "undone: maintenance" }])
})

it("forces until changed where that is chosen", async () => {
  const posts = open("admin", false)
  await choose("Force closed…")
  await userEvent.type(screen.getByRole("textbox", { name: /^Reason/ }), "r")
  await userEvent.click(screen.getByRole("radio", { name: "Until changed" }))
  await userEvent.click(screen.getByRole("button", { name: "Force closed" }))
  await screen.findByText(/It is in the log and comes into force/)
  expect(posts()).toEqual([[PATH, { mode: "forced_closed", reason: "r" }]])
})

it("resets without a time and without an undo", async () => {
  const posts = open("operator")
  await choose("Reset…")
  expect(screen.queryByRole("radio")).toBeNull()
  await userEvent.type(screen.getByRole("textbox", { name: /^Reason/ }), "r")
  await userEvent.click(screen.getByRole("button", { name: "Reset" }))
  await screen.findByText("billing is closed, with an empty window")
  expect(posts()).toEqual([[PATH, { mode: "auto", reason: "r", reset: true }]])
  expect(screen.queryByRole("button", { name: "Undo" })).toBeNull()
})
