import { Badge } from "@mantine/core"
import type { Severity } from "../../api/models"

const COLORS: Record<Severity, string> = { info: "blue", warning: "orange", critical: "red" }

/** How much it matters. */
export function SeverityBadge({ severity }: { severity: Severity }) {
  return (
    <Badge variant="light" color={COLORS[severity]}>
      {severity}
    </Badge>
  )
}
