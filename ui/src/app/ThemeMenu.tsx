import { ActionIcon, type MantineColorScheme, Menu, useMantineColorScheme } from "@mantine/core"
import { CheckIcon, MoonIcon, SunIcon, SystemIcon } from "../components/icons"

export const SCHEMES: { value: MantineColorScheme; label: string; Icon: typeof SunIcon }[] = [
  { value: "light", label: "Light", Icon: SunIcon },
  { value: "dark", label: "Dark", Icon: MoonIcon },
  { value: "auto", label: "As the system", Icon: SystemIcon },
]

/** Light, dark, or as the system has it. */
export function ThemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const Current = SCHEMES.find(({ value }) => value === colorScheme)?.Icon ?? SystemIcon
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Colours">
          <Current />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {SCHEMES.map(({ value, label, Icon }) => (
          <Menu.Item
            key={value}
            role="menuitemradio"
            aria-checked={value === colorScheme}
            leftSection={<Icon />}
            rightSection={value === colorScheme ? <CheckIcon size={14} /> : null}
            onClick={() => setColorScheme(value)}
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
