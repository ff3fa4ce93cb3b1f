import { Table } from "@mantine/core"
import type { ReactNode } from "react"

interface Props {
  /** What the table holds, for those who do not see it. */
  label: string
  /** What stands above each column; empty: what can be done to a row. */
  columns: readonly string[]
  /** `Table.Tr`s with a `DataCell` for each column. */
  children: ReactNode
}

/**
 * A table; on a narrow screen each row is a card, its first cell the title. Roles are spelt out: what
 * is not laid out as a table is none any more to some browsers.
 */
export function DataTable({ label, columns, children }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must take the keyboard
    <section className="fl-panel fl-scroll" aria-label={label} tabIndex={0}>
      <Table verticalSpacing="sm" className="fl-cards" role="table">
        <Table.Thead role="rowgroup">
          <Table.Tr role="row">
            {columns.map((column) => (
              <Table.Th key={column} role="columnheader">
                {column || <span className="fl-hidden">Actions</span>}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody role="rowgroup">{children}</Table.Tbody>
      </Table>
    </section>
  )
}

/** A cell; `of` is the name of its column, which a card shows beside it. */
export function DataCell({ of, children }: { of: string; children: ReactNode }) {
  return (
    <Table.Td role="cell" data-label={of}>
      {/* One box: beside its name a card has room for one. */}
      <div>{children}</div>
    </Table.Td>
  )
}
