import type { Severity } from "../../api/models"
import { Tag } from "../Tag"

const TONES = { info: "off", warning: "half_open", critical: "open" } as const

/** How much it matters. */
export function SeverityBadge({ severity }: { severity: Severity }) {
  return <Tag tone={TONES[severity]}>{severity}</Tag>
}
