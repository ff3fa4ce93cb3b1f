// Every page, light and dark, desktop and phone: node scripts/screenshots.mjs URL FOLDER [AGENT]
import { mkdirSync } from "node:fs"
import { chromium } from "playwright-core"

const [url, folder, agent = "flaky"] = process.argv.slice(2)
if (url === undefined || folder === undefined) {
  console.error("usage: node scripts/screenshots.mjs URL FOLDER [AGENT]")
  process.exit(2)
}

const PAGES = [
  ["circuits", "/"],
  ["agents", "/agents"],
  ["agent-new", "/agents/new"],
  ["agent", `/agents/${agent}`],
  ["timeline", `/agents/${agent}/timeline`],
  ["settings", `/agents/${agent}/settings`],
  ["what-if", `/agents/${agent}/what-if`],
  ["audit", `/agents/${agent}/audit`],
  ["tokens", "/tokens"],
  ["about", "/about"],
  ["login", "/login"],
  ["not-found", "/nowhere"],
]
const WIDTHS = [
  [1280, 800],
  [390, 844],
]
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]
const SETTLE_MS = 1_500

mkdirSync(folder, { recursive: true })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ARGUMENTS,
})
let wrong = 0
for (const colorScheme of ["light", "dark"]) {
  for (const [width, height] of WIDTHS) {
    const phone = width < 600
    const context = await browser.newContext({
      colorScheme,
      viewport: { width, height },
      isMobile: phone,
      deviceScaleFactor: phone ? 2 : 1,
      reducedMotion: "reduce",
    })
    for (const [name, path] of PAGES) {
      const page = await context.newPage()
      const complain = (text) => {
        wrong += 1
        console.error(`${name} ${colorScheme} ${width}: ${text}`)
      }
      page.on("pageerror", (error) => complain(error.message))
      page.on("console", (message) => message.type() === "error" && complain(message.text()))
      await page.goto(new URL(path, url).href)
      await page.waitForTimeout(SETTLE_MS)
      const wide = await page.evaluate(() => document.documentElement.scrollWidth)
      if (wide > width) complain(`it is ${wide} px wide and scrolls sideways`)
      await page.screenshot({
        path: `${folder}/${name}-${colorScheme}-${width}.png`,
        fullPage: true,
      })
      await page.close()
    }
    await context.close()
  }
}
await browser.close()
console.log(`${PAGES.length * WIDTHS.length * 2} screenshots in ${folder}, ${wrong} complaints`)
process.exit(wrong === 0 ? 0 : 1)
