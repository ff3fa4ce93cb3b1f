import { Suspense, useEffect, useRef, useState } from "react"
import { lazily } from "../../lib/lazily"
import { DotsIcon } from "../icons"
import classes from "./circuits.module.css"

const ControlMenu = lazily(() =>
  import("../control/ControlMenu").then((module) => module.ControlMenu),
)

type Wanted = "no" | "near" | "focus" | "open"

/**
 * What can be done to the circuit of a row. Menus are heavy and rows come and go while one scrolls:
 * until somebody is near, a plain button stands there.
 */
export function RowActions({ agent }: { agent: string }) {
  const [wanted, setWanted] = useState<Wanted>("no")
  const place = useRef<HTMLDivElement>(null)
  const placeholder = (
    <button
      type="button"
      className={classes.dots}
      aria-label={`Control ${agent}`}
      onPointerEnter={() => setWanted((before) => (before === "no" ? "near" : before))}
      // The menu may come between press and release: then there is no click on either button.
      onPointerDown={() => setWanted("open")}
      onFocus={() => setWanted((before) => (before === "open" ? before : "focus"))}
      onClick={() => setWanted("open")}
    >
      <DotsIcon />
    </button>
  )
  if (wanted === "no") return placeholder
  return (
    <div ref={place}>
      <Suspense fallback={placeholder}>
        <ControlMenu agent={agent} compact />
        <Takeover place={place} wanted={wanted} />
      </Suspense>
    </div>
  )
}

// Gives the menu that has come what the plain button had got: the focus, or the click.
function Takeover({
  place,
  wanted,
}: {
  place: React.RefObject<HTMLElement | null>
  wanted: Wanted
}) {
  useEffect(() => {
    const button = place.current?.querySelector("button")
    if (wanted === "focus" || wanted === "open") button?.focus()
    if (wanted === "open") button?.click()
  }, [place, wanted])
  return null
}
