import type { ReactNode } from "react"

interface Props {
  size?: number
  /** Spoken name; without one the icon is decoration. */
  label?: string
}

// Called once for each icon when the module loads, so each is one component.
function icon(children: ReactNode) {
  // biome-ignore lint/correctness/noComponentHookFactories: made once, at module level
  return function Icon({ size = 16, label }: Props) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
        strokeLinejoin="round"
        role={label === undefined ? undefined : "img"}
        aria-label={label}
        aria-hidden={label === undefined ? true : undefined}
        focusable="false"
      >
        {children}
      </svg>
    )
  }
}

/** A circuit whose contact is closed. */
export const ClosedIcon = icon(
  <>
    <path d="M1 8h4.2M10.8 8H15" />
    <circle cx="5.6" cy="8" r="1.1" fill="currentColor" />
    <circle cx="10.4" cy="8" r="1.1" fill="currentColor" />
    <path d="M5.6 8h4.8" strokeWidth="2.2" />
  </>,
)
/** A circuit that is tried. */
export const HalfOpenIcon = icon(
  <>
    <path d="M1 8h4.2M10.8 8H15" />
    <circle cx="5.6" cy="8" r="1.1" fill="currentColor" />
    <circle cx="10.4" cy="8" r="1.1" fill="currentColor" />
    <path d="M5.6 8l4.3-2.6" />
    <path d="M8 11.2v2.4M6.8 12.4h2.4" strokeWidth="1.3" />
  </>,
)
/** A circuit that is broken. */
export const OpenIcon = icon(
  <>
    <path d="M1 8h4.2M10.8 8H15" />
    <circle cx="5.6" cy="8" r="1.1" fill="currentColor" />
    <circle cx="10.4" cy="8" r="1.1" fill="currentColor" />
    <path d="M5.6 8l3-4.6" strokeWidth="2" />
  </>,
)
export const OffIcon = icon(
  <>
    <circle cx="8" cy="8" r="5.5" />
    <path d="M4.2 11.8l7.6-7.6" />
  </>,
)
export const LockIcon = icon(
  <>
    <rect x="3" y="7" width="10" height="7" rx="1.5" fill="currentColor" />
    <path d="M5 7V5a3 3 0 0 1 6 0v2" />
  </>,
)
export const SearchIcon = icon(
  <>
    <circle cx="7" cy="7" r="4.5" />
    <path d="M10.4 10.4L14 14" />
  </>,
)
export const SunIcon = icon(
  <>
    <circle cx="8" cy="8" r="2.8" />
    <path d="M8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1" />
  </>,
)
export const MoonIcon = icon(<path d="M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1z" />)
export const SystemIcon = icon(
  <>
    <rect x="1.8" y="3" width="12.4" height="8" rx="1.2" />
    <path d="M5.5 13.8h5" />
  </>,
)
export const WarningIcon = icon(
  <>
    <path d="M8 2L15 14H1z" />
    <path d="M8 6.5v3.2M8 11.8v.1" />
  </>,
)
export const CheckIcon = icon(<path d="M3 8.5l3.4 3.4L13 5" />)
export const OfflineIcon = icon(
  <>
    <path d="M2 2l12 12M4.5 9.5a5 5 0 0 1 2-1.2M8.7 5.2a9 9 0 0 1 5.3 2M2 7.2a9 9 0 0 1 3-1.7M9.6 8.4a5 5 0 0 1 1.9 1.1" />
    <path d="M8 12.4v.1" />
  </>,
)
export const MenuIcon = icon(<path d="M2 4h12M2 8h12M2 12h12" />)
export const UserIcon = icon(
  <>
    <circle cx="8" cy="5.2" r="2.7" />
    <path d="M2.8 14a5.2 5.2 0 0 1 10.4 0" />
  </>,
)
export const DotsIcon = icon(
  <>
    <circle cx="3" cy="8" r=".6" fill="currentColor" />
    <circle cx="8" cy="8" r=".6" fill="currentColor" />
    <circle cx="13" cy="8" r=".6" fill="currentColor" />
  </>,
)
export const PlusIcon = icon(<path d="M8 3v10M3 8h10" />)
export const ArrowIcon = icon(<path d="M3 8h10M9 4l4 4-4 4" />)

export const ChevronIcon = icon(<path d="m6 3.5 4.5 4.5L6 12.5" />)
