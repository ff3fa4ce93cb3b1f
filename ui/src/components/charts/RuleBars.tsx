import { Stack } from "@mantine/core"
import type { CircuitSummary, Nearness } from "../../api/models"
import { ruleName } from "../timeline/words"
import classes from "./charts.module.css"
import { barOf, rulesOf } from "./rules"

interface Props {
  /** Figures and thresholds. */
  row: CircuitSummary
  /** As the API held them against each other; absent: by the figures of `row`. */
  nearness?: readonly Nearness[]
}

/** Every rule's figure beside its threshold. */
export function RuleBars({ row, nearness }: Props) {
  return (
    <Stack gap="sm">
      {(nearness ?? rulesOf(row)).map((near) => {
        const bar = barOf(near, row)
        const name = ruleName(bar.rule)
        const words = bar.threshold === null ? `${bar.value}` : `${bar.value} of ${bar.threshold}`
        return (
          <div key={bar.rule} className={classes.rule}>
            <div className={classes.ruleHead}>
              <span>{name}</span>
              <span className={`${classes.ruleFigure} fl-num`}>
                {bar.value}
                {bar.threshold !== null && <span> of {bar.threshold}</span>}
              </span>
            </div>
            <meter className="fl-hidden" aria-label={name} min={0} max={1} value={bar.fill}>
              {words}
            </meter>
            <div className={classes.track} aria-hidden="true">
              <div
                className={classes.fill}
                data-level={bar.level}
                style={{ width: `${Math.min(1, bar.fill) * 100}%` }}
              />
              {bar.tick !== null && (
                <div className={classes.tick} style={{ left: `${bar.tick * 100}%` }} />
              )}
            </div>
            {bar.detail !== "" && <div className={`${classes.ruleNote} fl-num`}>{bar.detail}</div>}
          </div>
        )
      })}
    </Stack>
  )
}
