import { type CSSVariablesResolver, createTheme } from "@mantine/core"

export const theme = createTheme({
  colors: {
    // The library's dark greys have no hue; these are of the pages' own surfaces.
    dark: [
      "#d3d7db",
      "#b7bcc2",
      "#8b9299",
      "#6a7179",
      "#464c53",
      "#363b42",
      "#282c31",
      "#1e2125",
      "#181a1d",
      "#121416",
    ],
  },
  primaryColor: "indigo",
  primaryShade: 7,
  autoContrast: true,
  defaultRadius: "md",
  components: {
    // The placeholder has no role that a menu may hold; without it the first item takes the focus.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false } },
    Modal: {
      defaultProps: {
        closeButtonProps: { "aria-label": "Close" },
        // A `header` outside of the page's sections would be a second banner.
        attributes: { header: { role: "none" } },
      },
    },
  },
  respectReducedMotion: true,
  cursorType: "pointer",
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "Liberation Mono", monospace',
  headings: {
    fontWeight: "650",
    sizes: { h1: { fontSize: "1.375rem" }, h2: { fontSize: "1.0625rem" } },
  },
})

// The library's grey for lesser text is too pale to be read on white (WCAG asks for 4.5:1).
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#59616a",
    "--mantine-color-placeholder": "#6b737c",
    "--mantine-color-error": "#b02a2a",
  },
  dark: {
    "--mantine-color-dimmed": "#a6adb5",
    "--mantine-color-placeholder": "#8b939b",
    "--mantine-color-error": "#ff8f8f",
  },
})
