import type { components } from "./schema"

export type Problem = components["schemas"]["Problem"]
export type FieldProblem = components["schemas"]["FieldProblem"]

/** The API refused; `problem` is its problem document (RFC 9457). */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem"
  readonly problem: Problem
  /** Seconds after which it makes sense to try again; null if the API did not say. */
  readonly retryAfter: number | null

  constructor(problem: Problem, retryAfter: number | null = null) {
    super(problem.detail || problem.title)
    this.problem = problem
    this.retryAfter = retryAfter
  }

  get status(): number {
    return this.problem.status
  }

  /** What was refused of one field, in words; null if nothing was. */
  allowedFor(field: string): string | null {
    return this.problem.errors?.find((one) => one.field === field)?.allowed ?? null
  }
}

/** The API could not be reached at all. */
export class NetworkProblem extends Error {
  override readonly name = "NetworkProblem"

  constructor(cause: unknown) {
    super("The server cannot be reached", { cause })
  }
}

/** The problem of an answer that is not well; also of one that a proxy in between has written. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  const seconds = Number(response.headers.get("Retry-After") ?? "")
  const retryAfter = Number.isFinite(seconds) && seconds > 0 ? seconds : null
  const given: unknown = await response.json().catch(() => null)
  const known = (typeof given === "object" && given !== null ? given : {}) as Partial<Problem>
  const problem: Problem = {
    type: known.type ?? "about:blank",
    title: known.title ?? (response.statusText || `HTTP ${response.status}`),
    status: response.status,
    detail: known.detail ?? `The server answered ${response.status} without saying why`,
    instance: known.instance ?? "",
    request_id: known.request_id ?? response.headers.get("X-Request-ID") ?? "",
  }
  if (known.errors) problem.errors = known.errors
  return new ApiProblem(problem, retryAfter)
}
