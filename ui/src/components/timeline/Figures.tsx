import { Table, Title } from "@mantine/core"
import { count, percent } from "../../lib/format"
import classes from "./timeline.module.css"
import { ruleName } from "./words"

interface Props {
  figures: Record<string, number>
  thresholds: Record<string, unknown> | null
  cause: string | undefined
}

interface Row {
  rule: string
  figure: string
  threshold: string
  note: string
}

function usual(note: string, baseline: number | undefined): string {
  return baseline === undefined ? note : `${note}; usual ${percent(baseline)}`
}

/** The figures of a transition, each against its threshold. */
export function figureRows(
  figures: Record<string, number>,
  thresholds: Record<string, unknown> | null,
): Row[] {
  const calls = figures.calls ?? 0
  const limit = (name: string, say: (value: number) => string) => {
    const value = thresholds?.[name]
    return typeof value === "number" ? say(value) : "off"
  }
  const share = (part: number) => (calls === 0 ? percent(0) : percent(part / calls))
  const of = (part: number) => `${count(part)} of ${count(calls)} calls`
  const failures = figures.failures ?? 0
  const slow = figures.slow ?? 0
  const workers = figures.troubled_workers
  const rows: Row[] = [
    {
      rule: "consecutive_failures",
      figure: count(figures.consecutive_failures ?? 0),
      threshold: limit("failure_threshold", count),
      note: "",
    },
    {
      rule: "failure_rate",
      figure: share(failures),
      threshold: limit("failure_rate_threshold", percent),
      note: usual(of(failures), figures.baseline),
    },
  ]
  if (slow > 0) {
    rows.push({
      rule: "slow_call_rate",
      figure: share(slow),
      threshold: limit("slow_call_rate_threshold", percent),
      note: of(slow),
    })
  }
  rows.push({
    rule: "Calls in the window",
    figure: count(calls),
    threshold: limit("minimum_calls", count),
    note: "before rates count",
  })
  if (workers !== undefined) {
    rows.push({
      rule: "Workers with failures",
      figure: count(workers),
      threshold: limit("minimum_workers", count),
      note: "",
    })
  }
  if ((figures.probe_successes ?? 0) > 0 || (figures.probes_inconclusive ?? 0) > 0) {
    rows.push({
      rule: "Probes that succeeded",
      figure: count(figures.probe_successes ?? 0),
      threshold: limit("half_open_max_calls", count),
      note: figures.probes_inconclusive
        ? `${count(figures.probes_inconclusive)} without a result`
        : "",
    })
  }
  return rows
}

/** The figures at the instant of a transition. */
export function Figures({ figures, thresholds, cause }: Props) {
  return (
    <div>
      <Title order={3} size="sm" mb={4}>
        Figures at that instant
      </Title>
      <Table
        withRowBorders={false}
        verticalSpacing={3}
        horizontalSpacing={6}
        className={classes.figures}
      >
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Rule</Table.Th>
            <Table.Th ta="right">Figure</Table.Th>
            <Table.Th ta="right">Threshold</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {figureRows(figures, thresholds).map(({ rule, figure, threshold, note }) => (
            <Table.Tr key={rule} data-cause={rule === cause}>
              <Table.Td>
                {ruleName(rule)}
                {note !== "" && <small>{note}</small>}
              </Table.Td>
              <Table.Td ta="right" className="fl-num" fw={600}>
                {figure}
              </Table.Td>
              <Table.Td ta="right" className="fl-num">
                {threshold}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  )
}
