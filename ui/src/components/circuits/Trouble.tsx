import { Button } from "@mantine/core"
import { useState } from "react"
import { count, counted } from "../../lib/format"
import { CheckIcon } from "../icons"
import classes from "./circuits.module.css"
import { TroubleCard } from "./TroubleCard"
import { useHold } from "./useHold"
import { useTrouble } from "./useTrouble"

const FIRST = 6

/** The circuits that need an eye, as cards. */
export function Trouble({ circuits }: { circuits: number }) {
  const { held, handlers } = useHold()
  const names = useTrouble(held)
  const [all, setAll] = useState(false)
  const cards = all ? names.slice(0, 60) : names.slice(0, FIRST)
  return (
    <section aria-labelledby="trouble" className={classes.section} {...handlers}>
      <h2 id="trouble" className={classes.heading}>
        In trouble
        {names.length > 0 && <span className="fl-num"> · {count(names.length)}</span>}
      </h2>
      {names.length === 0 ? (
        <div className={classes.calm}>
          <CheckIcon />
          {`${counted(circuits, "circuit")}, none in trouble`}
        </div>
      ) : (
        <div className={classes.cards}>
          {cards.map((name) => (
            <TroubleCard key={name} agent={name} />
          ))}
        </div>
      )}
      {names.length > FIRST && (
        <Button variant="subtle" size="xs" onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show ${names.length - FIRST} more`}
        </Button>
      )}
    </section>
  )
}
