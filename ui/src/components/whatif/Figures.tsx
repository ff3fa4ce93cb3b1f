import { VisuallyHidden } from "@mantine/core"
import type { WhatIf, WhatIfAmount } from "../../api/models"
import { count, utcDay } from "../../lib/format"
import classes from "./whatif.module.css"
import { proposedText, timeText } from "./words"

const ROWS = [
  { name: "openings", label: "Openings", text: count },
  { name: "open_ms", label: "Time open", text: timeText },
  { name: "failures", label: "Failures let through", text: count },
  { name: "good_refused", label: "Good calls refused", text: count },
] as const

/** The figures of a range, recorded and proposed, and of each day if there are more. */
export function Figures({ answer, name = "Proposed" }: { answer: WhatIf; name?: string }) {
  return (
    <>
      <table className={classes.figures}>
        <thead>
          <tr>
            <th>
              <VisuallyHidden>Figure</VisuallyHidden>
            </th>
            <th scope="col">Recorded</th>
            <th scope="col">{name}</th>
          </tr>
        </thead>
        <tbody>
          {ROWS.map(({ name, label, text }) => (
            <tr key={name}>
              <th scope="row">{label}</th>
              <td className="fl-num">{text(answer.total[name].recorded)}</td>
              <td className="fl-num">{proposedText(answer.total[name], text)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {answer.days.length > 1 && <Days answer={answer} />}
    </>
  )
}

function Days({ answer }: { answer: WhatIf }) {
  const cell = (amount: WhatIfAmount, text: (value: number) => string) =>
    `${text(amount.recorded)} → ${proposedText(amount, text)}`
  return (
    <div className="fl-scroll">
      <table className={`${classes.figures} fl-cards`}>
        <caption>By day (UTC), recorded → proposed</caption>
        <thead>
          <tr>
            <th scope="col">Day</th>
            {ROWS.map(({ name, label }) => (
              <th key={name} scope="col">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {answer.days.map(({ from_ms, figures }) => (
            <tr key={from_ms}>
              <th scope="row">{utcDay(from_ms)}</th>
              {ROWS.map(({ name, label, text }) => (
                <td key={name} className="fl-num" data-label={label}>
                  {cell(figures[name], text)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
