import { UnstyledButton } from "@mantine/core"
import { useHotkeys } from "@mantine/hooks"
import { Suspense, useState } from "react"
import { SearchIcon } from "../components/icons"
import { lazily } from "../lib/lazily"
import classes from "./Shell.module.css"

const Palette = lazily(() => import("./Palette").then((module) => module.Palette))

/** Opens the command palette, as Ctrl-K does; its script comes when it is asked for. */
export function PaletteButton() {
  const [asked, setAsked] = useState(0)
  const ask = () => setAsked((before) => before + 1)
  useHotkeys([["mod+K", ask]], [])
  return (
    <>
      <UnstyledButton
        className={classes.palette}
        onClick={ask}
        aria-label="Search agents, pages and actions"
        aria-keyshortcuts="Control+K"
      >
        <SearchIcon />
        <span className={classes.paletteText}>Search</span>
        <kbd className={classes.paletteText}>Ctrl K</kbd>
      </UnstyledButton>
      {asked > 0 && (
        <Suspense fallback={null}>
          <Palette asked={asked} />
        </Suspense>
      )}
    </>
  )
}
