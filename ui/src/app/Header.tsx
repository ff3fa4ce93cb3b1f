import { ActionIcon, Menu } from "@mantine/core"
import { Link } from "@tanstack/react-router"
import { useMay } from "../api/queries"
import { MenuIcon } from "../components/icons"
import { ConnectionDot } from "./ConnectionDot"
import { PaletteButton } from "./PaletteButton"
import classes from "./Shell.module.css"
import { ThemeMenu } from "./ThemeMenu"
import { UserMenu } from "./UserMenu"

const PAGES = [
  { to: "/", label: "Circuits", exact: true },
  { to: "/agents", label: "Agents", exact: false },
  { to: "/alerts", label: "Alerts", exact: false },
  { to: "/tokens", label: "Tokens", exact: false },
  { to: "/about", label: "About", exact: false },
] as const

/** The head of every page: where one can go, how the connection stands, who one is. */
export function Header() {
  const admin = useMay("admin")
  const pages = PAGES.filter(({ to }) => to !== "/tokens" || admin)
  return (
    <header className={classes.header}>
      <Link to="/" className={classes.brand} aria-label="Fuseline, all circuits">
        <img src="/favicon.svg" width={24} height={24} alt="" />
        <span className={classes.name}>Fuseline</span>
      </Link>
      <nav className={classes.nav} aria-label="Pages">
        {pages.map(({ to, label, exact }) => (
          <Link
            key={to}
            to={to}
            className={classes.link}
            activeOptions={{ exact, includeSearch: false }}
          >
            {label}
          </Link>
        ))}
      </nav>
      <div className={classes.tools}>
        <ConnectionDot />
        <PaletteButton />
        <ThemeMenu />
        <UserMenu />
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon className={classes.burger} variant="subtle" color="gray" aria-label="Pages">
              <MenuIcon />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {pages.map(({ to, label }) => (
              <Menu.Item key={to} component={Link} to={to}>
                {label}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      </div>
    </header>
  )
}
