import { ActionIcon, Button, Menu, Tooltip } from "@mantine/core"
import { lazy, Suspense, useState } from "react"
import type { CircuitSummary } from "../../api/models"
import { useMay, useMe } from "../../api/queries"
import { useCircuitRow } from "../../api/useStream"
import { DotsIcon } from "../icons"
import { ACTIONS, type Action, ORDER } from "./actions"

const ControlDialog = lazy(() =>
  import("./ControlDialog").then(({ ControlDialog: component }) => ({ default: component })),
)

interface Props {
  agent: string
  /** Only the button with the dots, for a row of a table. */
  compact?: boolean
}

/** What an operator can do to a circuit. */
export function ControlMenu({ agent, compact = false }: Props) {
  const { data: me } = useMe()
  const may = useMay("operator")
  const [action, setAction] = useState<Action | null>(null)
  const label = `Control ${agent}`
  // Not `disabled`: then nobody could focus it to read why.
  const off = may ? {} : { "data-disabled": true, "aria-disabled": true }
  const button = compact ? (
    <ActionIcon variant="subtle" color="gray" aria-label={label} {...off}>
      <DotsIcon />
    </ActionIcon>
  ) : (
    <Button variant="default" {...off}>
      Control
    </Button>
  )
  if (!may) {
    const why = me
      ? `You are ${me.role}; an operator or admin can force or reset circuits`
      : "Who you are is not known yet"
    return (
      <Tooltip label={why} events={{ hover: true, focus: true, touch: true }}>
        {button}
      </Tooltip>
    )
  }
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
