import { Button, Group, Modal, Stack, Text } from "@mantine/core"
import { useState } from "react"
import { TimeAgo } from "../state/TimeAgo"
import classes from "./form.module.css"
import { type Difference, type Side, usualSide } from "./merge"
import { labelOf, valueInWords } from "./words"

interface Props {
  differences: readonly Difference[]
  /** Who changed it meanwhile, and when. */
  updatedBy: string
  updatedAtMs: number
  defaults: object
  saving: boolean
  onSave: (sides: Record<string, Side>) => void
  onTakeTheirs: () => void
  onClose: () => void
}

/** Both versions side by side, after somebody else was faster. */
export function ConflictDialog(props: Props) {
  const { differences, defaults, saving, onSave, onTakeTheirs, onClose } = props
  const [sides, setSides] = useState<Record<string, Side>>({})
  const all = (side: Side) => Object.fromEntries(differences.map(({ path }) => [path, side]))
  return (
    <Modal
      opened
      onClose={onClose}
      size="xl"
      styles={{ title: { fontWeight: 650 } }}
      title="Somebody else changed this agent meanwhile"
    >
      <Stack gap="md">
        <Text size="sm">
          {props.updatedBy || "Somebody"} saved <TimeAgo atMs={props.updatedAtMs} />. Nothing of
          yours is lost. Choose for each field which value stands.
        </Text>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Yours</th>
              <th scope="col">Theirs</th>
            </tr>
          </thead>
          <tbody>
            {differences.map((one) => {
              const chosen = sides[one.path] ?? usualSide(one)
              const cell = (side: Side) => (
                <td>
                  <label className={classes.pick}>
                    <input
                      type="radio"
                      name={one.path}
                      checked={chosen === side}
                      aria-label={`${labelOf(one.path)}: ${side === "mine" ? "yours" : "theirs"}`}
                      onChange={() => setSides({ ...sides, [one.path]: side })}
                    />
                    <span className={chosen === side ? classes.after : undefined}>
                      {valueInWords(one.path, one[side], defaults)}
                    </span>
                  </label>
                </td>
              )
              return (
                <tr key={one.path}>
                  <td>
                    {labelOf(one.path)}
                    <Text size="xs" c="dimmed">
                      {one.clash
                        ? `both changed it; was ${valueInWords(one.path, one.base, defaults)}`
                        : chosenBy(one)}
                    </Text>
                  </td>
                  {cell("mine")}
                  {cell("theirs")}
                </tr>
              )
            })}
          </tbody>
        </table>
        <Group justify="space-between">
          <Group gap="xs">
            <Button variant="default" onClick={onTakeTheirs}>
              Take theirs
            </Button>
            <Button variant="default" loading={saving} onClick={() => onSave(all("mine"))}>
              Put mine over
            </Button>
          </Group>
          <Button loading={saving} onClick={() => onSave(sides)}>
            Save as chosen
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

function chosenBy(one: Difference): string {
  return usualSide(one) === "mine" ? "only you changed it" : "only they changed it"
}
