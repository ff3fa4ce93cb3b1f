// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { addressOf, api, rememberCsrf, whenUnauthorized } from "./client"
import { ApiProblem, NetworkProblem } from "./problem"

const PROBLEM = {
  type: "urn:fuseline:problem:invalid",
  title: "A value is not allowed",
  status: 422,
  detail: "failure_threshold is 0",
  instance: "/api/v1/agents/a",
  request_id: "r1",
  errors: [{ field: "failure_threshold", value: 0, allowed: "1 or more" }],
}

const fetched = vi.fn<typeof fetch>()

beforeEach(() => {
  fetched.mockReset()
  vi.stubGlobal("fetch", fetched)
})

afterEach(() => {
  vi.unstubAllGlobals()
  rememberCsrf(null)
  whenUnauthorized(() => undefined)
})

function answers(body: unknown, init: ResponseInit = {}): void {
  fetched.mockImplementation(async () => new Response(JSON.stringify(body), init))
}

function sent(): { url: unknown; init: RequestInit; headers: Headers } {
  const [url, init] = fetched.mock.calls[0] ?? []
  return { url, init: init ?? {}, headers: new Headers(init?.headers) }
}

async function refusal(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error("it did not refuse")
    },
    (error: unknown) => error,
  )
}

describe("addresses", () => {
  it("escape path parameters and leave empty members out", () => {
    const path = { name: "a/b" }
    const query = { search: "", tag: ["x", "y z"], limit: 5, cursor: null }
    expect(addressOf("/api/v1/agents/{name}", { path, query })).toBe(
      "/api/v1/agents/a%2Fb?tag=x&tag=y+z&limit=5",
    )
  })

  it("that lack a parameter are a mistake of the caller", () => {
    expect(() => addressOf("/api/v1/agents/{name}")).toThrow("needs the path parameter name")
  })
})

describe("requests", () => {
  it("that change something carry the session's CSRF token and the ETag", async () => {
    rememberCsrf("c1")
    answers({})
    const path = { name: "a" }
    await api.patch("/api/v1/agents/{name}", { path, body: { tags: [] }, ifMatch: '"3"' })
    const { headers, init } = sent()
    expect(init.method).toBe("PATCH")
    expect(headers.get("X-CSRF-Token")).toBe("c1")
    expect(headers.get("If-Match")).toBe('"3"')
    expect(init.body).toBe('{"tags":[]}')
  })

  it("that come before the session is known ask for its CSRF token first", async () => {
    vi.resetModules()
    const fresh = await import("./client")
    fetched.mockImplementation(async () => new Response('{"csrf_token":"c2"}'))
    const path = { name: "a" }
    await fresh.api.patch("/api/v1/agents/{name}", { path, body: { tags: [] } })
    await fresh.api.patch("/api/v1/agents/{name}", { path, body: { tags: [] } })
    const urls = fetched.mock.calls.map(([url]) => url)
    expect(urls).toEqual(["/api/v1/me", "/api/v1/agents/a", "/api/v1/agents/a"])
    for (const [, init] of fetched.mock.calls.slice(1)) {
      expect(new Headers(init?.headers).get("X-CSRF-Token")).toBe("c2")
    }
  })

  it("that come before anybody is logged in go without", async () => {
    vi.resetModules()
    const fresh = await import("./client")
    fetched.mockImplementation(async (url) =>
      url === "/api/v1/me" ? new Response("{}", { status: 401 }) : new Response("{}"),
    )
    await fresh.api.post("/api/v1/session", { body: { token: "fl_x" } })
    const last = fetched.mock.calls.at(-1)
    expect(last?.[0]).toBe("/api/v1/session")
    expect(new Headers(last?.[1]?.headers).has("X-CSRF-Token")).toBe(false)
  })

  it("that only read carry no CSRF token", async () => {
    rememberCsrf("c1")
    answers({})
    await api.get("/api/v1/version")
    expect(sent().headers.has("X-CSRF-Token")).toBe(false)
  })

  it("answer the ETag where it is asked for", async () => {
    answers({ name: "a" }, { headers: { ETag: '"7"' } })
    const path = { name: "a" }
    const { data, etag } = await api.tagged.get("/api/v1/agents/{name}", { path })
    expect(etag).toBe('"7"')
    expect(data.name).toBe("a")
  })
})

describe("refusals", () => {
  it("throw the problem document", async () => {
    answers(PROBLEM, { status: 422 })
    const error = await refusal(api.get("/api/v1/version"))
    expect(error).toBeInstanceOf(ApiProblem)
    const problem = error as ApiProblem
    expect(problem.status).toBe(422)
    expect(problem.message).toBe("failure_threshold is 0")
    expect(problem.allowedFor("failure_threshold")).toBe("1 or more")
    expect(problem.allowedFor("name")).toBeNull()
  })

  it("without a problem document still say the status", async () => {
    fetched.mockImplementation(async () => new Response("<html>", { status: 502 }))
    const error = (await refusal(api.get("/api/v1/version"))) as ApiProblem
    expect(error.status).toBe(502)
    expect(error.message).toContain("502")
  })

  it("of too many attempts say when to try again", async () => {
    answers({ ...PROBLEM, status: 429 }, { status: 429, headers: { "Retry-After": "30" } })
    const error = (await refusal(api.get("/api/v1/version"))) as ApiProblem
    expect(error.retryAfter).toBe(30)
  })

  it("for want of a session call for the login", async () => {
    const login = vi.fn()
    whenUnauthorized(login)
    answers({ ...PROBLEM, status: 401 }, { status: 401 })
    await refusal(api.get("/api/v1/me"))
    expect(login).toHaveBeenCalledTimes(1)
  })

  it("by the network are another error", async () => {
    fetched.mockRejectedValue(new TypeError("Failed to fetch"))
    expect(await refusal(api.get("/api/v1/me"))).toBeInstanceOf(NetworkProblem)
  })

  it("by the caller who went away stay what they are", async () => {
    fetched.mockRejectedValue(new DOMException("gone", "AbortError"))
    const error = await refusal(api.get("/api/v1/me"))
    expect(error).toBeInstanceOf(DOMException)
  })
})
