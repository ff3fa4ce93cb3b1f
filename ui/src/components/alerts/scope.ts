import type { StoredRule } from "../../api/models"
import { CONDITIONS } from "./conditions"

/** Whether a rule is about an agent with these tags, as the server decides it. */
export function covers({ rule }: StoredRule, agent: string, tags: readonly string[]): boolean {
  if (!CONDITIONS[rule.when.kind].ofAgents) return false
  const names = rule.agents ?? []
  const wanted = rule.tags ?? []
  return (
    (names.length === 0 || names.some((pattern) => patternOf(pattern).test(agent))) &&
    (wanted.length === 0 || wanted.some((tag) => tags.includes(tag)))
  )
}

// As the server's fnmatch reads them: *, ? and [...].
function patternOf(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^$(){}|\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".")
    .replace(/\[!/g, "[^")
  try {
    return new RegExp(`^${source}$`, "s")
  } catch {
    return /^$/
  }
}
