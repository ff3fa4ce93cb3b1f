import type { Change } from "./flat"
import classes from "./form.module.css"
import { labelOf, valueInWords } from "./words"

interface Props {
  changes: readonly Change[]
  defaults: object
}

/** What a save changes: field, before, after. */
export function Changes({ changes, defaults }: Props) {
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ path, before, after }) => (
          <tr key={path}>
            <td>{labelOf(path)}</td>
            <td className={classes.before}>{valueInWords(path, before, defaults)}</td>
            <td className={classes.after}>{valueInWords(path, after, defaults)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
