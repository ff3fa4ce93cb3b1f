import type { TimelineItem } from "../../api/models"

type Kind = TimelineItem["kind"]

/** What can be shown or hidden together. */
export const GROUPS = [
  { value: "transition", label: "Transitions", kinds: ["transition"] },
  { value: "override", label: "Overrides", kinds: ["override"] },
  { value: "config", label: "Settings", kinds: ["config", "set_aside", "rebuilt"] },
  { value: "shadow", label: "Shadow", kinds: ["shadow", "shadow_set"] },
  { value: "success", label: "Successes", kinds: ["success"] },
  { value: "failure", label: "Failures", kinds: ["failure", "timeout"] },
  { value: "other", label: "Other calls", kinds: ["abandoned", "ignored", "not_sent", "probe"] },
] as const satisfies readonly { value: string; label: string; kinds: readonly Kind[] }[]

export type Group = (typeof GROUPS)[number]["value"]

export const ALL_GROUPS: readonly Group[] = GROUPS.map(({ value }) => value)
const CHANGE_GROUPS: ReadonlySet<Group> = new Set(["transition", "override", "config", "shadow"])

/** The groups of an address; all of them where it names none that is known. */
export function groupsFrom(given: unknown): Group[] {
  const named = Array.isArray(given) ? given : [given]
  const known = ALL_GROUPS.filter((one) => named.includes(one))
  return known.length > 0 ? known : [...ALL_GROUPS]
}

/** The kinds of groups as the API takes them; of changes only, or of calls too. */
export function kindsOf(groups: readonly Group[], calls: boolean): Kind[] {
  return GROUPS.filter(
    ({ value }) => groups.includes(value) && (calls || CHANGE_GROUPS.has(value)),
  ).flatMap(({ kinds }) => [...kinds])
}

/**
 * What no other item of a timeline has. The id alone is not: history and log count each for
 * themselves, and a transition is often written in the ms of the call that caused it.
 */
export function keyOf({ kind, id }: Pick<TimelineItem, "kind" | "id">): string {
  return `${kind} ${id}`
}
