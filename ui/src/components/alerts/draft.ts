import type { AlertRule } from "../../api/models"
import { defaultsOf, type Kind, type When } from "./conditions"

/** What the form of a rule holds. */
export interface Draft {
  name: string
  kind: Kind
  figures: Record<string, number | string>
  agents: string[]
  tags: string[]
  severity: NonNullable<AlertRule["severity"]>
  channels: string[]
  cooldown: number | string
  group: number | string
  notifyResolved: boolean
  enabled: boolean
  description: string
  quiet: boolean
  quietStart: string
  quietEnd: string
  quietZone: string
}

/** The draft of a new rule. */
export function emptyDraft(agent?: string): Draft {
  return {
    name: "",
    kind: "opened",
    figures: {},
    agents: agent === undefined ? [] : [agent],
    tags: [],
    severity: "warning",
    channels: [],
    cooldown: 0,
    group: 0,
    notifyResolved: true,
    enabled: true,
    description: "",
    quiet: false,
    quietStart: "22:00",
    quietEnd: "07:00",
    quietZone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
  }
}

/** The draft that stands for a rule. */
export function draftOf(rule: AlertRule): Draft {
  const { kind, ...figures } = rule.when
  const base = emptyDraft()
  const [quiet] = rule.quiet_hours ?? []
  return {
    ...base,
    name: rule.name,
    kind,
    figures,
    agents: rule.agents ?? [],
    tags: rule.tags ?? [],
    severity: rule.severity ?? "warning",
    channels: rule.channels ?? [],
    cooldown: rule.cooldown_seconds ?? 0,
    group: rule.group_seconds ?? 0,
    notifyResolved: rule.notify_resolved ?? true,
    enabled: rule.enabled ?? true,
    description: rule.description ?? "",
    quiet: quiet !== undefined,
    quietStart: quiet?.start ?? base.quietStart,
    quietEnd: quiet?.end ?? base.quietEnd,
    quietZone: quiet?.time_zone ?? base.quietZone,
  }
}

/** The same draft with another condition, at that one's defaults. */
export function withKind(draft: Draft, kind: Kind): Draft {
  return { ...draft, kind, figures: defaultsOf(kind) }
}

/**
 * The rule that a draft stands for. Quiet hours beyond the first, and their days, which the form
 * does not show, stay as they were.
 */
export function ruleOf(draft: Draft, before?: AlertRule): AlertRule {
  const [first, ...others] = before?.quiet_hours ?? []
  const hours = {
    ...first,
    start: draft.quietStart,
    end: draft.quietEnd,
    time_zone: draft.quietZone.trim(),
  }
  const figures = Object.fromEntries(
    Object.entries(draft.figures).map(([name, value]) => [name, Number(value)]),
  )
  return {
    name: draft.name.trim(),
    when: { kind: draft.kind, ...figures } as When,
    agents: draft.agents,
    tags: draft.tags,
    severity: draft.severity,
    channels: draft.channels,
    quiet_hours: draft.quiet ? [hours, ...others] : [],
    group_seconds: Number(draft.group),
    cooldown_seconds: Number(draft.cooldown),
    notify_resolved: draft.notifyResolved,
    enabled: draft.enabled,
    description: draft.description.trim(),
  }
}
