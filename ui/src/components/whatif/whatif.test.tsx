import { cleanup, configure, fireEvent, screen, waitFor } from "@testing-library/react"
import type { ReactNode } from "react"
import { afterEach, describe, expect, it, vi } from "vitest"
import type { WhatIf as Answer, ShadowAnswer, WhatIfFigures } from "../../api/models"
import { WhatIf } from "../../pages/WhatIfTab"
import { agent, DEFAULTS, draw, problem, type Sent, serve } from "../agents/testing"
import { Bands } from "./Bands"
import { LastDay } from "./LastDay"
import { changedOf, foldedOf } from "./queries"
import { Shadow } from "./Shadow"
import { lastDaySentence, proposedText } from "./words"

// The form is large, and the machines of a CI are slow.
vi.setConfig({ testTimeout: 30_000 })
configure({ asyncUtilTimeout: 10_000 })
vi.mock("@tanstack/react-router", async (original) => ({
  ...(await original<object>()),
  Link: ({ children }: { children: ReactNode }) => <a href="/there">{children}</a>,
}))

afterEach(() => {
  cleanup()
  vi.unstubAllGlobals()
})

const HOUR = 3_600_000

function figures(openings: [number, number, number]): WhatIfFigures {
  const [recorded, low, high] = openings
  const none = { recorded: 0, low: 0, high: 0 }
  return {
    openings: { recorded, low, high },
    open_ms: { recorded: 60_000, low: 60_000, high: 120_000 },
    failures: { recorded: 15, low: 12, high: 12 },
    good_refused: { ...none, high: 4 },
  }
}

function answer(openings: [number, number, number] = [1, 3, 3]): Answer {
  return {
    agent: "billing",
    since_ms: 0,
    until_ms: 4 * HOUR,
    complete: true,
    events: 900,
    reproduced: 3,
    begun_ms: null,
    settings: DEFAULTS as unknown as Answer["settings"],
    recorded_settings: DEFAULTS as unknown as Answer["settings"],
    total: figures(openings),
    days: [{ from_ms: 0, figures: figures(openings) }],
    recorded: [
      { state: "closed", from_ms: 0, to_ms: HOUR },
      { state: "open", from_ms: HOUR, to_ms: 2 * HOUR },
      { state: "closed", from_ms: 2 * HOUR, to_ms: 4 * HOUR },
    ],
    proposed: [{ state: "closed", from_ms: 0, to_ms: 4 * HOUR }],
    unobserved: [{ from_ms: HOUR, to_ms: 2 * HOUR }],
    unobserved_ms: HOUR,
    unseen_calls: 60,
    truncated: false,
  }
}

const NO_SHADOW: ShadowAnswer = {
  agent: "billing",
  shadow: null,
  comparison: null,
  problem: "",
  in_force: true,
}
const SHADOW: ShadowAnswer = {
  ...NO_SHADOW,
  shadow: {
    settings: { failure_threshold: 3 },
    since_ms: 0,
    event_id: "1-0",
    actor: "ada",
    reason: "stricter",
    state: "open",
    state_since_ms: 1,
    open_until_ms: 2,
    known: false,
  },
  comparison: answer(),
}

const plain = (text: string | null | undefined) => text?.replaceAll("\u00a0", " ")
const settingsOf = ({ body }: Sent) => (body as { settings: Record<string, unknown> }).settings

describe("words", () => {
  it("gives one number where the record knows, else bounds", () => {
    expect(proposedText({ recorded: 1, low: 2, high: 2 })).toBe("2")
    expect(proposedText({ recorded: 1, low: 2, high: 1_200 })).toBe("2 to 1,200")
    expect(plain(lastDaySentence(answer([1, 3, 3])))).toBe(
      "In the last day these settings would have opened 3 times (recorded: 1).",
    )
    expect(plain(lastDaySentence(answer([2, 0, 1])))).toBe(
      "In the last day these settings would have opened between 0 and 1 time (recorded: 2).",
    )
    expect(lastDaySentence(answer([2, 0, 0]))).toContain("would not have opened")
    expect(lastDaySentence({ ...answer(), events: 0 })).toMatch(/^No calls/)
  })

  it("asks for nothing that a worker decides alone", () => {
    expect(Object.keys(foldedOf(DEFAULTS))).not.toContain("max_concurrent_calls")
    expect(foldedOf(DEFAULTS).failure_threshold).toBe(5)
  })
})

describe("the last day", () => {
  it("tells how often the settings in the form would have opened", async () => {
    const sent = serve(() => ({ json: answer() }))
    draw(<LastDay agent="billing" config={{ ...DEFAULTS, failure_threshold: 3 }} />)
    expect(plain((await screen.findByTestId("last-day")).textContent)).toBe(
      "In the last day these settings would have opened 3 times (recorded: 1).",
    )
    expect(screen.getByText(/good calls refused: 0 to 4/)).toBeTruthy()
    expect(sent).toHaveLength(1)
    expect(sent[0]?.url).toBe("/api/v1/circuits/billing/what-if")
    expect(sent.map(settingsOf)[0]?.failure_threshold).toBe(3)
  })

  it("asks for nothing while a setting is none", () => {
    const sent = serve(() => ({ json: answer() }))
    draw(<LastDay agent="billing" config={null} />)
    expect(screen.getByText("Stands here once every setting is allowed.")).toBeTruthy()
    expect(sent).toEqual([])
  })

  it("says why nothing can be said", async () => {
    serve(() => problem(409))
    draw(<LastDay agent="billing" config={DEFAULTS} />)
    expect(await screen.findByText(/^Not known: /)).toBeTruthy()
  })
})

describe("the page", () => {
  it("draws both bands, hatches what nobody saw, and follows the form and the range", async () => {
    const all = serve(({ url }) => ({ json: url.includes("/shadow") ? NO_SHADOW : answer() }))
    draw(<WhatIf stored={{ data: agent(), etag: '"1"' }} defaults={DEFAULTS} />)
    expect(await screen.findByRole("img", { name: /^Recorded: open for 1.h$/ })).toBeTruthy()
    const proposed = screen.getByRole("img", { name: /^Proposed: open for 0/ })
    expect(proposed.querySelectorAll("[data-unobserved]")).toHaveLength(1)
    expect(plain(document.body.textContent)).toContain("not known (25 %)")
    fireEvent.change(screen.getByLabelText("Failures in a row"), { target: { value: "9" } })
    const sent = () => all.filter(({ url }) => url.endsWith("what-if"))
    await waitFor(() => expect(sent().map(settingsOf).at(-1)?.failure_threshold).toBe(9))
    fireEvent.click(screen.getByLabelText("7 d"))
    await waitFor(() =>
      expect((sent().at(-1)?.body as { since?: string } | undefined)?.since).toBe("-7d"),
    )
    expect(sent()).toHaveLength(3)
  })

  it("puts proposed settings into the form", async () => {
    const settings = { failure_threshold: null, failure_rate_threshold: 0.25, timeout_seconds: 30 }
    const one = { figures: figures([1, 1, 1]), cost_low: 1, cost_high: 2, on_curve: true }
    const found = {
      ...answer(),
      tried: 191,
      recorded: { ...one, settings: {} },
      items: [{ ...one, settings }],
      curve: [{ ...one, settings }],
    }
    const sent = serve(({ url }) => ({
      json: url.includes("/shadow") ? NO_SHADOW : url.endsWith("/proposals") ? found : answer(),
    }))
    draw(<WhatIf stored={{ data: agent(), etag: '"1"' }} defaults={DEFAULTS} />)
    fireEvent.click(screen.getByText("Find settings"))
    expect(await screen.findByText("As recorded")).toBeTruthy()
    fireEvent.click(screen.getByText("Try"))
    await waitFor(() =>
      expect(
        sent
          .filter(({ url }) => url.endsWith("what-if"))
          .map(settingsOf)
          .at(-1),
      ).toMatchObject({ ...settings, minimum_calls: 10 }),
    )
    expect(screen.getByLabelText("Open for")).toHaveProperty("value", "30")
  })
})

describe("the bands", () => {
  const states = (name: RegExp) =>
    [...screen.getByRole("img", { name }).querySelectorAll("[data-state]")].map((one) => [
      one.getAttribute("data-state"),
      Number(one.getAttribute("x")),
      Number(one.getAttribute("width")),
    ])

  it("show no state before the agent was registered", () => {
    draw(<Bands answer={{ ...answer(), begun_ms: 0.5 * HOUR }} />)
    expect(states(/^Recorded: open for 1.h, not registered before /)).toEqual([
      ["closed", 125, 125],
      ["open", 250, 250],
      ["closed", 500, 500],
      ["none", 0, 125],
    ])
    expect(states(/^Proposed: open for 0.*, not registered before /)).toEqual([
      ["closed", 125, 875],
      ["none", 0, 125],
    ])
    expect(screen.getByText(/not registered yet/)).toBeTruthy()
  })

  it.each([null, -HOUR, 0])("show states all along for an agent of %s", (begun_ms) => {
    draw(<Bands answer={{ ...answer(), begun_ms }} />)
    expect(states(/^Recorded: open for 1.h$/)).toHaveLength(3)
    expect(screen.queryByText(/not registered yet/)).toBeNull()
  })
})

describe("the shadow", () => {
  const may = (role: string) => ({ actor: "ada", role, csrf_token: "x" })
  const methods = (sent: readonly Sent[]) =>
    sent.filter(({ url, method }) => url.includes("/shadow") && method !== "GET")

  it("is begun with what differs from the settings in force, for a reason", async () => {
    const sent = serve(({ url, method }) => ({
      json: url.endsWith("/me") ? may("operator") : method === "PUT" ? SHADOW : NO_SHADOW,
    }))
    const config = { ...DEFAULTS, failure_threshold: 3 }
    draw(<Shadow agent="billing" settings={changedOf(config, { ...DEFAULTS })} />)
    const begin = await screen.findByRole("button", { name: "Run as shadow" })
    expect(begin).toHaveProperty("disabled", true)
    fireEvent.change(screen.getByLabelText("Reason"), { target: { value: " stricter " } })
    fireEvent.click(begin)
    await waitFor(() => expect(methods(sent)).toHaveLength(1))
    expect(methods(sent)[0]?.body).toEqual({
      settings: { failure_threshold: 3 },
      reason: "stricter",
    })
  })

  it("stands with its band under the recorded one, and can be ended", async () => {
    const sent = serve(({ url }) => ({ json: url.endsWith("/me") ? may("operator") : SHADOW }))
    draw(<Shadow agent="billing" settings={{}} />)
    expect(await screen.findByRole("img", { name: /^Shadow: open for 0/ })).toBeTruthy()
    expect(screen.getByRole("img", { name: /^Recorded: open for 1.h$/ })).toBeTruthy()
    expect(document.body.textContent).toContain("unless calls that nobody saw")
    expect(document.body.textContent).toContain("by ada: stricter")
    fireEvent.change(await screen.findByLabelText("Reason"), { target: { value: "enough" } })
    expect(screen.getByRole("button", { name: "Run these instead" })).toHaveProperty(
      "disabled",
      true,
    )
    fireEvent.click(screen.getByRole("button", { name: "End it" }))
    await waitFor(() => expect(methods(sent)[0]?.method).toBe("DELETE"))
    expect(methods(sent)[0]?.url).toContain("reason=enough")
  })

  it("is only looked at by a viewer", async () => {
    serve(({ url }) => ({ json: url.endsWith("/me") ? may("viewer") : SHADOW }))
    draw(<Shadow agent="billing" settings={{ failure_threshold: 3 }} />)
    expect(await screen.findByRole("img", { name: /^Shadow/ })).toBeTruthy()
    expect(screen.queryByRole("button")).toBeNull()
  })
})
