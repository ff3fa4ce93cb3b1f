import { ActionIcon, Button, Menu } from "@mantine/core"
import { Suspense, useState } from "react"
import type { CircuitSummary } from "../../api/models"
import { useMay } from "../../api/queries"
import { useCircuitRow } from "../../api/useStream"
import { lazily } from "../../lib/lazily"
import { DotsIcon } from "../icons"
import { ACTIONS, type Action, ORDER } from "./actions"

const ControlDialog = lazily(() => import("./ControlDialog").then((module) => module.ControlDialog))

interface Props {
  agent: string
  /** Only the button with the dots, for a row of a table. */
  compact?: boolean
}

/** What an operator can do to a circuit; not there for whoever may only look. */
export function ControlMenu({ agent, compact = false }: Props) {
  const may = useMay("operator")
  const [action, setAction] = useState<Action | null>(null)
  if (!may) return null
  const button = compact ? (
    <ActionIcon variant="subtle" color="gray" aria-label={`Control ${agent}`}>
      <DotsIcon />
    </ActionIcon>
  ) : (
    <Button variant="default">Control</Button>
  )
  return (
    <>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>{button}</Menu.Target>
        <Menu.Dropdown>
          <Items agent={agent} onChoose={setAction} />
        </Menu.Dropdown>
      </Menu>
      {action !== null && (
        <Suspense>
          <ControlDialog agent={agent} action={action} onClose={() => setAction(null)} />
        </Suspense>
      )}
    </>
  )
}

function Items({ agent, onChoose }: { agent: string; onChoose: (action: Action) => void }) {
  const row = useCircuitRow(agent)
  return ORDER.map((action) => (
    <Menu.Item key={action} disabled={isSo(action, row)} onClick={() => onChoose(action)}>
      {ACTIONS[action].label}…
    </Menu.Item>
  ))
}

/** Whether it would change nothing. */
function isSo(action: Action, row: CircuitSummary | undefined): boolean {
  const { mode, reset } = ACTIONS[action]
  return row !== undefined && !reset && row.mode === mode && row.mode_until_ms === null
}
