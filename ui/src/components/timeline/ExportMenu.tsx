import { Button, Menu } from "@mantine/core"
import { notifications } from "@mantine/notifications"
import { useEffect, useRef, useState } from "react"
import { count } from "../../lib/format"
import { download, fileName, fileOf, MAX_EXPORTED, readRange } from "./exporting"
import type { View } from "./view"

interface Props {
  agent: string
  view: View
  kinds: readonly string[]
}

/** Saves what the range holds as a file. */
export function ExportMenu({ agent, view, kinds }: Props) {
  const [read, setRead] = useState<number | null>(null)
  const running = useRef<AbortController | null>(null)
  useEffect(() => () => running.current?.abort(), [])
  const save = async (format: "csv" | "json") => {
    const range = { fromMs: Math.floor(view.fromMs), toMs: Math.ceil(view.toMs) }
    const control = new AbortController()
    running.current = control
    setRead(0)
    try {
      const found = await readRange(agent, range, kinds, setRead, control.signal)
      download(fileOf(format, agent, range, found), fileName(format, agent, range))
      notifications.show({
        color: found.cut ? "yellow" : "teal",
        title: found.cut ? "The export was cut" : "Exported",
        message: found.cut
          ? `Only the oldest ${count(MAX_EXPORTED)} items of the range are in the file; choose a shorter range for the rest.`
          : `${count(found.items.length)} items`,
      })
    } catch (error) {
      if (control.signal.aborted) return
      notifications.show({
        color: "red",
        title: "The export failed",
        message: error instanceof Error ? error.message : String(error),
      })
    } finally {
      setRead(null)
    }
  }
  if (read !== null) {
    return (
      <Button
        size="xs"
        variant="default"
        className="fl-num"
        onClick={() => running.current?.abort()}
      >
        Stop ({count(read)} read)
      </Button>
    )
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="xs" variant="default">
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void save("csv")}>This range as CSV</Menu.Item>
        <Menu.Item onClick={() => void save("json")}>This range as JSON</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
