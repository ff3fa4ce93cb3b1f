/** How often something is among others. */
export interface Share {
  name: string
  count: number
}

/** How often each name is there, the most frequent first. */
export function sharesOf(names: readonly string[]): Share[] {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((one, other) => other.count - one.count || one.name.localeCompare(other.name))
}
