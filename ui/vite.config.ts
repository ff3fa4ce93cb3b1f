import react from "@vitejs/plugin-react"
import { defineConfig } from "vitest/config"

const api = process.env.FUSELINE_URL ?? "http://127.0.0.1:8040"
// Without tokens the API answers only under its own address and to pages of its own.
const proxy = { "/api": { target: api, changeOrigin: true, headers: { origin: api } } }

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../fuseline/api/static",
    emptyOutDir: true,
    manifest: true,
    target: "es2022",
    // These know light-dark() and @layer, so nothing is rewritten for older ones.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
    // A strict CSP lets no data: fonts or scripts in; small files stay files.
    assetsInlineLimit: 0,
  },
  server: { proxy },
  preview: { proxy },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
})
