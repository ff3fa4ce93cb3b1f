// Makes src/api/bounds.ts from docs/openapi.json: what the form checks while typing is what the
// server checks, and is written down in one place.
import { readFileSync, writeFileSync } from "node:fs"

const source = new URL("../../docs/openapi.json", import.meta.url)
const target = new URL("../src/api/bounds.ts", import.meta.url)
const { schemas } = JSON.parse(readFileSync(source, "utf8")).components

const TYPES = [
  ...["AgentCreate", "BreakerSettings", "RetrySettings", "RetentionSettings", "Override"],
  ...["OpenLonger", "Flapping", "FailureRate", "OverrideLonger", "NoTraffic", "ProjectorLag"],
  ...["ProjectorStalled", "RedisLost", "SpoolHolds", "ClockTrouble", "AlertRule"],
]
const KEPT = ["minimum", "exclusiveMinimum", "maximum", "pattern", "maxLength", "maxItems"]
const KINDS = {
  integer: "integer",
  number: "number",
  boolean: "switch",
  string: "text",
  array: "list",
}

function resolved({ $ref, ...rest }) {
  if ($ref === undefined) return rest
  return { ...schemas[$ref.split("/").at(-1)], ...rest }
}

function boundOf(property) {
  const outer = resolved(property)
  const options = (outer.anyOf ?? [outer]).map(resolved)
  const inner = options.find((one) => one.type !== "null")
  const kind = inner.enum ? "choice" : KINDS[inner.type]
  if (kind === undefined) return undefined
  return {
    kind,
    description: outer.description ?? inner.description ?? "",
    nullable: options.some((one) => one.type === "null"),
    ...(outer.default === undefined || Array.isArray(outer.default)
      ? {}
      : { default: outer.default }),
    ...(inner.enum ? { choices: inner.enum } : {}),
    ...Object.fromEntries(KEPT.filter((key) => key in inner).map((key) => [key, inner[key]])),
  }
}

function boundsOf(type) {
  const bounds = Object.entries(schemas[type].properties)
    .map(([name, property]) => [name, boundOf(property)])
    .filter(([, bound]) => bound !== undefined)
  return Object.fromEntries(bounds)
}

const parts = TYPES.map((type) => {
  const name = `${type.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()}_BOUNDS`
  return `export const ${name} = ${JSON.stringify(boundsOf(type), null, 2)} as const satisfies Record<string, Bound>`
})

writeFileSync(
  target,
  `// Made by \`npm run bounds\` from docs/openapi.json, not by hand.

/** What the server accepts of one member. */
export interface Bound {
  kind: "integer" | "number" | "switch" | "text" | "choice" | "list"
  description: string
  nullable: boolean
  default?: string | number | boolean | null
  choices?: readonly string[]
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  pattern?: string
  maxLength?: number
  maxItems?: number
}

${parts.join("\n\n")}
`,
)
