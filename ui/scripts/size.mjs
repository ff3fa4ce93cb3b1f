// How many bytes of script and style a browser loads for a page, compressed as the server does.
import { readFileSync } from "node:fs"
import { gzipSync } from "node:zlib"

const LIMIT = 250_000
const root = new URL("../../fuseline/api/static/", import.meta.url)
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", root), "utf8"))

function filesOf(key, found = new Set()) {
  const chunk = manifest[key]
  if (chunk === undefined || found.has(chunk.file)) return found
  found.add(chunk.file)
  for (const style of chunk.css ?? []) found.add(style)
  for (const one of chunk.imports ?? []) filesOf(one, found)
  return found
}

function zipped(files, end) {
  return [...files]
    .filter((file) => file.endsWith(end))
    .reduce(
      (sum, file) => sum + gzipSync(readFileSync(new URL(file, root)), { level: 9 }).length,
      0,
    )
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry)
const pages = Object.keys(manifest).filter((key) => key.startsWith("src/pages/"))
let dashboard = 0
for (const page of pages.sort()) {
  const files = filesOf(page, filesOf(entry))
  // The dashboard loads the menu of its rows at once.
  if (page.endsWith("/Circuits.tsx")) filesOf("src/components/control/ControlMenu.tsx", files)
  const script = zipped(files, ".js")
  if (page.endsWith("/Circuits.tsx")) dashboard = script
  const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1).padStart(6)} kB`
  const name = page.replace("src/pages/", "").padEnd(24)
  console.log(`${name} script ${kilobytes(script)}   style ${kilobytes(zipped(files, ".css"))}`)
}
console.log(`dashboard: ${dashboard} of at most ${LIMIT} bytes of script, gzip`)
if (dashboard === 0 || dashboard > LIMIT) process.exit(1)
