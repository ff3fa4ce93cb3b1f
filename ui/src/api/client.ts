import { ApiProblem, NetworkProblem, problemOf } from "./problem"
import type { paths } from "./schema"

type Method = "get" | "post" | "put" | "patch" | "delete"

/** Paths of the API that know a method. */
export type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never
}[keyof paths]

type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>
type Parameter<O, K extends "path" | "query"> = O extends { parameters: infer A }
  ? K extends keyof A
    ? Exclude<A[K], undefined>
    : never
  : never
type BodyOf<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? B : never
type JsonOf<R> = R extends { content: { "application/json": infer J } } ? J : undefined

/** What an operation answers when all is well. */
export type Answer<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R }
    ? JsonOf<R[keyof R & (200 | 201 | 202 | 204)]>
    : never

type Needed<K extends string, T> = [T] extends [never] ? { [key in K]?: never } : { [key in K]: T }
type Allowed<K extends string, T> = [T] extends [never]
  ? { [key in K]?: never }
  : { [key in K]?: T }

/** What a call needs: `path` and `body` where the operation has them. */
export type Options<P extends keyof paths, M extends Method> = Needed<
  "path",
  Parameter<Operation<P, M>, "path">
> &
  Allowed<"query", Parameter<Operation<P, M>, "query">> &
  Needed<"body", BodyOf<Operation<P, M>>> & {
    /** The ETag that the change is meant for; the API answers 412 if it is another by now. */
    ifMatch?: string | null
    signal?: AbortSignal
  }

type Arguments<P extends keyof paths, M extends Method> =
  Record<never, never> extends Options<P, M> ? [Options<P, M>?] : [Options<P, M>]

/** An answer with its ETag. */
export interface Tagged<T> {
  data: T
  etag: string | null
}

interface Plain {
  path?: Record<string, string | number> | undefined
  query?: Record<string, unknown> | undefined
  body?: unknown
  ifMatch?: string | null | undefined
  signal?: AbortSignal | undefined
}

/** undefined: not known yet, as when a page is loaded that posts at once. */
let csrfToken: string | null | undefined
let onUnauthorized: () => void = () => undefined

/** The CSRF token of the session, from `/me` or the login; null where none is needed. */
export function rememberCsrf(token: string | null): void {
  csrfToken = token
}

async function csrfOfSession(): Promise<string | null> {
  if (csrfToken !== undefined) return csrfToken
  const response = await fetch("/api/v1/me", {
    headers: { Accept: "application/json" },
    credentials: "same-origin",
  })
  if (!response.ok) return null // nobody is logged in, or the API is away; the call itself tells
  const me = (await response.json()) as { csrf_token: string | null }
  csrfToken ??= me.csrf_token
  return csrfToken
}

/** Called whenever the API says that the session is over; the router goes to the login page. */
export function whenUnauthorized(action: () => void): void {
  onUnauthorized = action
}

/** The address of a call: path parameters filled in and escaped, empty query members left out. */
export function addressOf(template: string, options: Plain = {}): string {
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = options.path?.[name]
    if (value === undefined) throw new TypeError(`${template} needs the path parameter ${name}`)
    return encodeURIComponent(value)
  })
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(options.query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") query.append(name, String(one))
    }
  }
  const text = query.toString()
  return text === "" ? path : `${path}?${text}`
}

async function send(
  method: Method,
  template: string,
  options: Plain = {},
): Promise<Tagged<unknown>> {
  const headers = new Headers({ Accept: "application/json" })
  if (options.body !== undefined) headers.set("Content-Type", "application/json")
  if (options.ifMatch) headers.set("If-Match", options.ifMatch)
  const init: RequestInit = { method: method.toUpperCase(), headers, credentials: "same-origin" }
  if (options.body !== undefined) init.body = JSON.stringify(options.body)
  if (options.signal) init.signal = options.signal
  let response: Response
  try {
    const csrf = method === "get" ? null : await csrfOfSession()
    if (csrf !== null) headers.set("X-CSRF-Token", csrf)
    response = await fetch(addressOf(template, options), init)
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error
    throw new NetworkProblem(error)
  }
  if (!response.ok) {
    const problem = await problemOf(response)
    if (problem.status === 401) onUnauthorized()
    throw problem
  }
  const data = response.status === 204 ? undefined : await response.json()
  return { data, etag: response.headers.get("ETag") }
}

function caller<M extends Method>(method: M) {
  return async <P extends PathsWith<M>>(path: P, ...rest: Arguments<P, M>): Promise<Answer<P, M>> =>
    (await send(method, path, rest[0] as Plain | undefined)).data as Answer<P, M>
}

function taggedCaller<M extends Method>(method: M) {
  return async <P extends PathsWith<M>>(
    path: P,
    ...rest: Arguments<P, M>
  ): Promise<Tagged<Answer<P, M>>> =>
    (await send(method, path, rest[0] as Plain | undefined)) as Tagged<Answer<P, M>>
}

/**
 * Calls of the API, typed by its OpenAPI document. All throw `ApiProblem` when the API refuses and
 * `NetworkProblem` when it cannot be reached; `tagged` ones answer the ETag too.
 */
export const api = {
  get: caller("get"),
  post: caller("post"),
  put: caller("put"),
  patch: caller("patch"),
  del: caller("delete"),
  tagged: { get: taggedCaller("get"), put: taggedCaller("put"), patch: taggedCaller("patch") },
}

export { ApiProblem, NetworkProblem }
