import classes from "./charts.module.css"

interface Item {
  label: string
  color: string
  value?: string
  dash?: boolean
}

/** What the colours of a chart mean, with the figures at the pointer. */
export function Legend({ items, note }: { items: Item[]; note?: string }) {
  return (
    <div className={classes.legend}>
      {items.map(({ label, color, value, dash }) => (
        <span key={label} className={classes.legendItem}>
          <span
            className={classes.swatch}
            data-dash={dash ?? false}
            style={{ background: dash ? undefined : color, borderColor: color }}
          />
          {label}
          {value !== undefined && <strong className="fl-num">{value}</strong>}
        </span>
      ))}
      {note !== undefined && <span className={classes.note}>{note}</span>}
    </div>
  )
}
