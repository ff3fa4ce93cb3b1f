import type { TimelineItem } from "../../api/models"

/** What a change made of one setting. */
export interface Change {
  field: string
  before: unknown
  after: unknown
}

/** One thing that somebody did. */
export interface Entry {
  item: TimelineItem
  changes: Change[]
  /** All settings that an agent began with; null: it had others before. */
  begun: Record<string, unknown> | null
}

/** What differs between two settings. */
export function changesOf(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): Change[] {
  const fields = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...fields]
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((field) => ({ field, before: before[field], after: after[field] }))
}

/** What people did, the newest first, with what it changed. */
export function auditEntries(
  items: readonly TimelineItem[],
  removals: readonly TimelineItem[],
): Entry[] {
  const known = new Map([...items, ...removals].map((item) => [item.id, item]))
  const sorted = [...known.values()].sort((one, other) => one.at_ms - other.at_ms)
  let config: Record<string, unknown> | null = null
  let gone = false
  const entries = sorted.map((item): Entry => {
    const details = Object.entries(item.details ?? {}).map(([field, [before, after]]) => ({
      field,
      before,
      after,
    }))
    if (item.kind === "transition") {
      config = null
      gone = true
    }
    if (item.kind !== "config" || !item.config) return { item, changes: details, begun: null }
    // Revisions go on after a removal, and older entries may not be loaded yet.
    const isFirst = gone || item.revision === 1
    const before = config
    config = item.config
    gone = false
    if (isFirst) {
      const rest = Object.fromEntries(details.map(({ field, after }) => [field, after]))
      return { item, changes: [], begun: { ...item.config, ...rest } }
    }
    const changes = before === null ? [] : changesOf(before, item.config)
    return { item, changes: [...changes, ...details], begun: null }
  })
  return entries.reverse()
}
