import type { TagList } from "../../api/models"

/** Tags of each agent, and agents of each tag. */
export interface Tags {
  ofAgent: ReadonlyMap<string, readonly string[]>
  agents: ReadonlyMap<string, ReadonlySet<string>>
}

export const NO_TAGS: Tags = { ofAgent: new Map(), agents: new Map() }

/** The API's answer, both ways round. */
export function tagsOf({ items }: TagList): Tags {
  const ofAgent = new Map<string, string[]>()
  for (const { tag, agents } of items) {
    for (const name of agents) {
      const known = ofAgent.get(name)
      if (known === undefined) ofAgent.set(name, [tag])
      else known.push(tag)
    }
  }
  return { ofAgent, agents: new Map(items.map(({ tag, agents }) => [tag, new Set(agents)])) }
}

/** The head of a group of circuits. */
export interface GroupHead {
  key: string
  /** Null: those without a tag. */
  tag: string | null
  size: number
  /** How many of them are in trouble. */
  trouble: number
  folded: boolean
}

/** A line of the list: a circuit, or what stands above those of one tag. */
export type Line = { key: string; agent: string } | GroupHead

/** The circuits in their order, without groups. */
export function plainLines(names: readonly string[]): Line[] {
  return names.map((agent) => ({ key: agent, agent }))
}

/**
 * The circuits below their tags: tags in alphabetical order, those without one last. A circuit with
 * several tags stands below each of them.
 */
export function groupedLines(
  names: readonly string[],
  tags: Tags,
  isTrouble: (name: string) => boolean,
  folded: ReadonlySet<string>,
): Line[] {
  const members = new Map<string | null, string[]>()
  for (const name of names) {
    for (const tag of tags.ofAgent.get(name) ?? [null]) {
      const known = members.get(tag)
      if (known === undefined) members.set(tag, [name])
      else known.push(name)
    }
  }
  const heads = [...members.keys()].sort((one, other) =>
    one === null ? 1 : other === null ? -1 : one < other ? -1 : 1,
  )
  return heads.flatMap((tag) => {
    const agents = members.get(tag) ?? []
    // A slash is in no tag and in no name.
    const key = `${tag ?? ""}/`
    const head = {
      key,
      tag,
      size: agents.length,
      trouble: agents.filter(isTrouble).length,
      folded: folded.has(key),
    }
    if (head.folded) return [head]
    return [head, ...agents.map((agent) => ({ key: key + agent, agent }))]
  })
}
