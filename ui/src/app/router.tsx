import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
} from "@tanstack/react-router"
import { RouteError } from "../components/feedback/ErrorPanel"
import { NotFound } from "../components/feedback/NotFound"
import { PageSkeleton } from "../components/feedback/Skeletons"
import { agentsSearch } from "../pages/agentsSearch"
import { circuitsSearch } from "../pages/circuitsSearch"
import { timelineSearch } from "../pages/TimelineSearch"
import { Shell } from "./Shell"

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound })

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (search: Record<string, unknown>): { from?: string } =>
    typeof search.from === "string" ? { from: search.from } : {},
  component: lazyRouteComponent(() => import("../pages/Login"), "Login"),
})

const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell })

const circuits = createRoute({
  getParentRoute: () => shell,
  path: "/",
  validateSearch: circuitsSearch,
  component: lazyRouteComponent(() => import("../pages/Circuits"), "Circuits"),
})

const agents = createRoute({
  getParentRoute: () => shell,
  path: "/agents",
  validateSearch: agentsSearch,
  component: lazyRouteComponent(() => import("../pages/Agents"), "Agents"),
})

const agentNew = createRoute({
  getParentRoute: () => shell,
  path: "/agents/new",
  component: lazyRouteComponent(() => import("../pages/AgentNew"), "AgentNew"),
})

// The page of one agent: its head and tabs, and in its outlet one of the tabs below.
const agent = createRoute({
  getParentRoute: () => shell,
  path: "/agents/$name",
  component: lazyRouteComponent(() => import("../pages/AgentPage"), "AgentPage"),
})

const overview = createRoute({
  getParentRoute: () => agent,
  path: "/",
  component: lazyRouteComponent(() => import("../pages/AgentOverviewTab"), "AgentOverviewTab"),
})

const timeline = createRoute({
  getParentRoute: () => agent,
  path: "/timeline",
  validateSearch: timelineSearch,
  component: lazyRouteComponent(() => import("../pages/TimelineTab"), "TimelineTab"),
})

const settings = createRoute({
  getParentRoute: () => agent,
  path: "/settings",
  component: lazyRouteComponent(() => import("../pages/AgentEdit"), "AgentEdit"),
})

const whatIf = createRoute({
  getParentRoute: () => agent,
  path: "/what-if",
  component: lazyRouteComponent(() => import("../pages/WhatIfTab"), "WhatIfTab"),
})

const audit = createRoute({
  getParentRoute: () => agent,
  path: "/audit",
  component: lazyRouteComponent(() => import("../pages/AgentAuditTab"), "AgentAuditTab"),
})

const agentAlerts = createRoute({
  getParentRoute: () => agent,
  path: "/alerts",
  component: lazyRouteComponent(() => import("../pages/AgentAlertsTab"), "AgentAlertsTab"),
})

const alerts = createRoute({
  getParentRoute: () => shell,
  path: "/alerts",
  component: lazyRouteComponent(() => import("../pages/Alerts"), "Alerts"),
})

const tokens = createRoute({
  getParentRoute: () => shell,
  path: "/tokens",
  component: lazyRouteComponent(() => import("../pages/Tokens"), "Tokens"),
})

const about = createRoute({
  getParentRoute: () => shell,
  path: "/about",
  component: lazyRouteComponent(() => import("../pages/About"), "About"),
})

export const router = createRouter({
  routeTree: root.addChildren([
    login,
    shell.addChildren([
      circuits,
      agents,
      agentNew,
      agent.addChildren([overview, timeline, settings, whatIf, agentAlerts, audit]),
      alerts,
      tokens,
      about,
    ]),
  ]),
  defaultPreload: "intent",
  defaultPendingComponent: PageSkeleton,
  defaultErrorComponent: RouteError,
  scrollRestoration: true,
})

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router
  }
}
