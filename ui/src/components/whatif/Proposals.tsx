import { Button, Group, SegmentedControl, Text, Title, VisuallyHidden } from "@mantine/core"
import { useState } from "react"
import type { Proposals as Answer, Proposal } from "../../api/models"
import { count } from "../../lib/format"
import { ErrorPanel } from "../feedback/ErrorPanel"
import { nameOf, settingText } from "../timeline/Settings"
import { useProposals } from "./queries"
import classes from "./whatif.module.css"
import { proposedText } from "./words"

const COSTS = [
  { value: "0.2", label: "a fifth of" },
  { value: "1", label: "as much as" },
  { value: "5", label: "5 times" },
]

interface Props {
  agent: string
  since: string
  onUse: (settings: Proposal["settings"]) => void
}

/** Settings that would have cost least, to be tried with one click. */
export function Proposals({ agent, since, onUse }: Props) {
  const [cost, setCost] = useState("1")
  const [asked, setAsked] = useState<string | null>(null)
  const wanted = asked === `${since} ${cost}`
  const { data, error, isFetching } = useProposals(agent, since, Number(cost), wanted)
  return (
    <section className={classes.panel} aria-labelledby="proposals">
      <Title order={2} id="proposals">
        Proposals
      </Title>
      <Group my="xs" gap="xs">
        <Text size="sm">A failure let through costs</Text>
        <SegmentedControl
          size="xs"
          aria-label="Cost of a failure"
          data={COSTS}
          value={cost}
          onChange={setCost}
        />
        <Text size="sm">a good call refused.</Text>
        <Button
          size="xs"
          variant="default"
          loading={isFetching}
          onClick={() => setAsked(`${since} ${cost}`)}
        >
          Find settings
        </Button>
      </Group>
      {error !== null && wanted && <ErrorPanel error={error} title="Nothing could be proposed" />}
      {data !== undefined && wanted && (
        <div className="fl-scroll">
          <table className={`${classes.figures} fl-cards`}>
            <caption>
              Of {count(data.tried)} settings the cheapest at worst, on {count(data.events)} events
            </caption>
            <thead>
              <tr>
                <th scope="col">Settings</th>
                <th scope="col">Failures let through</th>
                <th scope="col">Good calls refused</th>
                <th scope="col">Openings</th>
                <th>
                  <VisuallyHidden>Action</VisuallyHidden>
                </th>
              </tr>
            </thead>
            <tbody>
              {withRecorded(data).map((one) => (
                <tr key={JSON.stringify(one.settings)}>
                  <th scope="row">{settingsText(one)}</th>
                  <td className="fl-num" data-label="Failures let through">
                    {proposedText(one.figures.failures)}
                  </td>
                  <td className="fl-num" data-label="Good calls refused">
                    {proposedText(one.figures.good_refused)}
                  </td>
                  <td className="fl-num" data-label="Openings">
                    {proposedText(one.figures.openings)}
                  </td>
                  <td data-label="">
                    {Object.keys(one.settings).length > 0 && (
                      <Button size="compact-xs" variant="light" onClick={() => onUse(one.settings)}>
                        Try
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

/** The cheapest, and those on record to compare them with. */
function withRecorded({ items, recorded }: Answer): Proposal[] {
  const isThere = items.some(({ settings }) => Object.keys(settings).length === 0)
  return isThere ? items : [...items, recorded]
}

function settingsText({ settings }: Proposal): string {
  const words = Object.entries(settings).map(
    ([name, value]) => `${nameOf(name)} ${settingText(name, value)}`,
  )
  return words.length === 0 ? "As recorded" : words.join(", ")
}
