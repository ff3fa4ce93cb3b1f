import "@mantine/core/styles.layer.css"
import "@mantine/notifications/styles.layer.css"
import "./global.css"
import { MantineProvider } from "@mantine/core"
import { Notifications } from "@mantine/notifications"
import { QueryClientProvider } from "@tanstack/react-query"
import { RouterProvider } from "@tanstack/react-router"
import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { whenUnauthorized } from "../api/client"
import { nonce } from "./nonce"
import { queryClient } from "./queryClient"
import { router } from "./router"
import { cssVariables, theme } from "./theme"

whenUnauthorized(() => {
  const { pathname, href } = router.state.location
  if (pathname !== "/login") void router.navigate({ to: "/login", search: { from: href } })
})

const root = document.getElementById("root")
if (root === null) throw new Error("the page has no element #root")
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queryClient}>
        <Notifications position="bottom-right" />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
