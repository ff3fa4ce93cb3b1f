import type { AgentCreate, AgentResponse, AgentUpdate } from "../../types/agent"
import type { Value } from "./check"
import { BREAKER, breakerName, FIELDS, LIST_NAMES, needsUrl } from "./fields"

/** An agent's settings by path; what is absent is at its default. */
export type Flat = Readonly<Record<string, Value>>

/** One setting that is another; undefined: the default. */
export interface Change {
  path: string
  before: Value | undefined
  after: Value | undefined
}

export const HEADERS = "headers."

/** What an agent's document sets. */
export function flatOf(agent: AgentResponse): Flat {
  const flat: Record<string, Value> = {}
  for (const { path, bound } of FIELDS) {
    const value = memberOf(agent, path)
    const isNone = path === "url" || path.startsWith("retention.")
    if (value === undefined || value === "" || (isNone && value === null)) continue
    const name = breakerName(path)
    if (name === null ? value !== bound.default : true) flat[path] = value
  }
  if (agent.tags.length > 0) flat.tags = agent.tags
  if (agent.url !== null) {
    flat.failure_statuses = agent.failure_statuses
    flat.ignored_statuses = agent.ignored_statuses
    for (const [name, value] of Object.entries(agent.headers)) flat[HEADERS + name] = value
  }
  return flat
}

function memberOf(agent: AgentResponse, path: string): Value | undefined {
  const steps = path.split(".")
  return steps.reduce<unknown>(
    (inner, step) => (inner as Record<string, unknown> | undefined)?.[step],
    agent,
  ) as Value | undefined
}

/** What differs between two, in the order of the form. */
export function changesOf(before: Flat, after: Flat): Change[] {
  const paths = new Set([...ORDER, ...Object.keys(before), ...Object.keys(after)])
  return [...paths]
    .filter((path) => !same(before[path], after[path]))
    .map((path) => ({ path, before: before[path], after: after[path] }))
}

const ORDER = ["description", "tags", "url", ...FIELDS.map(({ path }) => path), ...LIST_NAMES]

export function same(one: Value | undefined, other: Value | undefined): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}

type Tree = { [name: string]: unknown }

/** The document of a new agent. */
export function documentOf(name: string, flat: Flat): AgentCreate {
  const tree: Tree = { name }
  for (const [path, value] of Object.entries(flat)) place(tree, path, value)
  return tree as unknown as AgentCreate
}

/** The patch that makes some changes. */
export function patchOf(changes: readonly Change[]): AgentUpdate {
  const tree: Tree = {}
  const unplugged = changes.some(({ path, after }) => path === "url" && after === undefined)
  for (const { path, after } of changes) {
    // An address that goes takes along what is nothing without it.
    if (unplugged && path !== "url" && needsUrl(path)) continue
    const usual = path.startsWith(`${BREAKER}.`) ? "default" : null
    place(tree, path, after === undefined ? usual : after)
  }
  return tree as AgentUpdate
}

function place(tree: Tree, path: string, value: unknown): void {
  const cut = path.indexOf(".")
  if (cut < 0) {
    tree[path] = value
    return
  }
  const group = path.slice(0, cut)
  tree[group] ??= {}
  ;(tree[group] as Tree)[path.slice(cut + 1)] = value
}

/** The settings of the breaker that would be in force. */
export function breakerOf<T extends object>(flat: Flat, defaults: T): T {
  const settings: Tree = { ...(defaults as Tree) }
  for (const [path, value] of Object.entries(flat)) {
    const name = breakerName(path)
    if (name !== null) settings[name] = value
  }
  return settings as T
}
