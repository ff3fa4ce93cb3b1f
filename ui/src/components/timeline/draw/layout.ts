/** Where the lanes stand on the canvas, in px. */
export const LANES = {
  gutter: 46,
  right: 10,
  marks: { top: 2, height: 48 },
  band: { top: 58, height: 34 },
  calls: { top: 106, height: 132 },
  axis: { top: 238, height: 26 },
  height: 266,
} as const

export const FONT = '11px system-ui, "Segoe UI", Roboto, sans-serif'
export const BOLD = '600 11px system-ui, "Segoe UI", Roboto, sans-serif'
