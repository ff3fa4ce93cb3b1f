import { Outlet } from "@tanstack/react-router"
import { ApiProblem } from "../api/problem"
import { useMe } from "../api/queries"
import { useFollow } from "../api/useStream"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { OfflineBanner } from "../components/feedback/OfflineBanner"
import { Announcer } from "./Announcer"
import { Header } from "./Header"
import classes from "./Shell.module.css"

/** What stands around every page but the login: head, banner, and the page. */
export function Shell() {
  const me = useMe()
  useFollow()
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#content">
        Skip to content
      </a>
      <Header />
      <OfflineBanner />
      <main id="content" className={classes.main} tabIndex={-1}>
        {me.error instanceof ApiProblem && me.error.status !== 401 ? (
          <ErrorPanel
            error={me.error}
            title="The server does not let this page in"
            retry={() => void me.refetch()}
          />
        ) : (
          <Outlet />
        )}
      </main>
      <Announcer />
    </div>
  )
}
