import { useComputedColorScheme } from "@mantine/core"
import { useMemo } from "react"
import "./colors.css"

const NAMES = {
  open: "--fl-open-line",
  openText: "--fl-open",
  openSoft: "--fl-open-soft",
  half_open: "--fl-half_open-line",
  half_openText: "--fl-half_open",
  half_openSoft: "--fl-half_open-soft",
  closed: "--fl-closed-line",
  closedText: "--fl-closed",
  closedSoft: "--fl-closed-soft",
  off: "--fl-off-line",
  offText: "--fl-off",
  offSoft: "--fl-off-soft",
  surface: "--fl-surface",
  surface2: "--fl-surface-2",
  line: "--fl-line",
  text: "--mantine-color-text",
  dimmed: "--mantine-color-dimmed",
  primary: "--fl-accent",
  success: "--fl-chart-success",
  failure: "--fl-chart-failure",
  timeout: "--fl-chart-timeout",
  other: "--fl-chart-other",
  mark: "--fl-chart-mark",
} as const

export type Colors = Record<keyof typeof NAMES, string>

/** The theme's colours as a canvas takes them; a canvas knows neither variables nor light-dark(). */
export function useColors(): Colors {
  const scheme = useComputedColorScheme("light")
  // biome-ignore lint/correctness/useExhaustiveDependencies: the scheme changes what is read
  return useMemo(readColors, [scheme])
}

function readColors(): Colors {
  const probe = document.createElement("span")
  probe.hidden = true
  document.body.append(probe)
  const entries = Object.entries(NAMES).map(([name, variable]) => {
    probe.style.color = `var(${variable})`
    return [name, getComputedStyle(probe).color]
  })
  probe.remove()
  return Object.fromEntries(entries) as Colors
}
