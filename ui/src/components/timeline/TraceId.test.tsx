import { QueryClient, QueryClientProvider } from "@tanstack/react-query"
import { cleanup, screen } from "@testing-library/react"
import { afterEach, expect, it } from "vitest"
import type { Me } from "../../api/models"
import { keys } from "../../api/queries"
import { draw } from "../agents/testing"
import { TraceId } from "./TraceId"

afterEach(cleanup)

const ME = {
  name: "local",
  role: "viewer",
  kind: "local",
  actor: "local",
  csrf_token: null,
} as const
const ID = "4bf92f3577b34da6a3ce929d0e0e4736"

function drawn(me: Me) {
  const client = new QueryClient()
  client.setQueryData(keys.me, me)
  draw(
    <QueryClientProvider client={client}>
      <TraceId id={ID} />
    </QueryClientProvider>,
  )
}

it("leads to the viewer that the API knows of", () => {
  drawn({ ...ME, trace_url: "https://v.example/trace/{trace_id}?x=1" })
  const link = screen.getByRole("link", { name: `open trace ${ID}` })
  expect(link.getAttribute("href")).toBe(`https://v.example/trace/${ID}?x=1`)
})

it("is an id to copy where it knows of none", () => {
  drawn({ ...ME, trace_url: null })
  expect(screen.queryByRole("link")).toBeNull()
  expect(screen.getByRole("button").textContent).toContain("Copy trace id")
})
