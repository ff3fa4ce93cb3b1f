import { type Read, read, textOf, type Value } from "./check"
import { FIELDS, LIST_NAMES, type ListName, NAME, needsUrl, URL_FIELD } from "./fields"
import { type Flat, HEADERS } from "./flat"

/** A header as a row of the form. */
export interface HeaderRow {
  id: number
  name: string
  value: string
}

/** What stands in the fields. */
export interface FormState {
  name: string
  /** Whether the agent is called at an address, or by code of a worker. */
  reach: "url" | "code"
  /** By path; empty: the default; null: switched off. */
  texts: Readonly<Record<string, string | null>>
  /** By name; null: the default. */
  lists: Readonly<Record<ListName, readonly string[] | null>>
  headers: readonly HeaderRow[]
}

/** By path of the setting, what is wrong with it. */
export type Errors = Readonly<Record<string, string>>

let rows = 0

export function headerRow(name = "", value = ""): HeaderRow {
  rows += 1
  return { id: rows, name, value }
}

/** The fields of settings; without any, those of a new agent. */
export function stateOf(name: string, flat?: Flat): FormState {
  const given = flat ?? {}
  const texts: Record<string, string | null> = {}
  for (const field of FIELDS) {
    const value = given[field.path]
    texts[field.path] = value === undefined ? "" : value === null ? null : textOf(field, value)
  }
  const list = (one: ListName) => (given[one] as readonly string[] | undefined) ?? null
  return {
    name,
    reach: flat === undefined || given.url !== undefined ? "url" : "code",
    texts,
    lists: Object.fromEntries(LIST_NAMES.map((one) => [one, list(one)])) as FormState["lists"],
    headers: Object.entries(given)
      .filter(([path]) => path.startsWith(HEADERS))
      .map(([path, value]) => headerRow(path.slice(HEADERS.length), String(value))),
  }
}

/** What the fields say, and what is wrong with them. */
export function readState(state: FormState): { flat: Flat; errors: Errors } {
  const flat: Record<string, Value> = {}
  const errors: Record<string, string> = {}
  const take = (path: string, result: Read) => {
    if ("error" in result) errors[path] = result.error
    else if (result.value !== undefined) flat[path] = result.value
  }
  const applies = (path: string) => state.reach === "url" || !needsUrl(path)
  for (const field of FIELDS) {
    const text = state.texts[field.path]
    if (applies(field.path)) take(field.path, read(field, text === undefined ? "" : text))
  }
  if (state.reach === "url" && state.texts.url?.trim() === "") {
    errors[URL_FIELD.path] = "An address, or choose that a worker's code makes the calls"
  }
  for (const name of LIST_NAMES) {
    const list = state.lists[name]
    if (list !== null && applies(name) && !(name === "tags" && list.length === 0)) flat[name] = list
  }
  if (state.reach === "url") readHeaders(state.headers, flat, errors)
  return { flat, errors }
}

function readHeaders(
  headers: readonly HeaderRow[],
  flat: Record<string, Value>,
  errors: Record<string, string>,
): void {
  const seen = new Set<string>()
  for (const { id, name, value } of headers) {
    const plain = name.trim()
    if (plain === "" && value === "") continue
    if (plain === "") errors[rowPath(id)] = "The name of the header"
    else if (seen.has(plain.toLowerCase())) errors[rowPath(id)] = "Each header once"
    else flat[HEADERS + plain] = value
    seen.add(plain.toLowerCase())
  }
}

/** Where an error of a row that has no name yet stands. */
export function rowPath(id: number): string {
  return `headers#${id}`
}

/** What is wrong with the name of a new agent. */
export function nameError(name: string): string | null {
  const result = read(NAME, name)
  if ("error" in result) return result.error
  return result.value === undefined ? "A name" : null
}

/** Where the server's refusals belong: by path of a setting, those of list members at the list. */
export function placedErrors(problems: readonly { field: string; allowed: string }[]): Errors {
  const errors: Record<string, string> = {}
  for (const { field, allowed } of problems) {
    const [list] = field.split("[")
    const path = (LIST_NAMES as readonly string[]).includes(list ?? "") ? (list ?? "") : field
    errors[path] ??= `The server takes ${allowed}`
  }
  return errors
}
