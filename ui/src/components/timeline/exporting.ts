import { api } from "../../api/client"
import type { TimelineItem } from "../../api/models"
import { toCsv } from "./csv"
import type { View } from "./view"

const PAGE = 1_000
export const MAX_EXPORTED = 50_000

/** What an export holds, and whether it is all. */
export interface Exported {
  items: TimelineItem[]
  cut: boolean
}

/** Everything of a range, the oldest first, up to a bound; `onProgress` hears how much there is. */
export async function readRange(
  agent: string,
  view: View,
  kinds: readonly string[],
  onProgress: (items: number) => void,
  signal: AbortSignal,
): Promise<Exported> {
  const items: TimelineItem[] = []
  let after = "oldest"
  for (;;) {
    const page = await api.get("/api/v1/circuits/{name}/timeline", {
      path: { name: agent },
      query: {
        since: String(view.fromMs),
        until: String(view.toMs),
        kinds: kinds.join(","),
        limit: PAGE,
        after,
      },
      signal,
    })
    items.push(...page.items)
    onProgress(items.length)
    const more = page.has_newer || page.partial
    if (!more) return { items, cut: false }
    if (items.length >= MAX_EXPORTED) return { items: items.slice(0, MAX_EXPORTED), cut: true }
    after = page.newer
  }
}

/** The content of a file of an export. */
export function fileOf(format: "csv" | "json", agent: string, view: View, found: Exported): Blob {
  if (format === "csv") return new Blob([toCsv(found.items)], { type: "text/csv;charset=utf-8" })
  const whole = {
    agent,
    from: new Date(view.fromMs).toISOString(),
    to: new Date(view.toMs).toISOString(),
    cut: found.cut,
    items: found.items,
  }
  return new Blob([`${JSON.stringify(whole, null, 1)}\n`], { type: "application/json" })
}

/** The name of a file of an export. */
export function fileName(format: "csv" | "json", agent: string, view: View): string {
  const stamp = (ms: number) => new Date(ms).toISOString().slice(0, 19).replaceAll(":", "")
  const safe = agent.replace(/[^\w.-]+/g, "_")
  return `${safe}-${stamp(view.fromMs)}Z-${stamp(view.toMs)}Z.${format}`
}

/** Hands a file to the browser. */
export function download(content: Blob, name: string): void {
  const address = URL.createObjectURL(content)
  const link = document.createElement("a")
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
