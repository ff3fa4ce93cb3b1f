import { expect, it } from "vitest"
import openapi from "../../../docs/openapi.json"
import {
  AGENT_CREATE_BOUNDS,
  type Bound,
  BREAKER_SETTINGS_BOUNDS,
  OVERRIDE_BOUNDS,
  RETENTION_SETTINGS_BOUNDS,
  RETRY_SETTINGS_BOUNDS,
} from "./bounds"

interface Property {
  $ref?: string
  anyOf?: Property[]
  type?: string
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  pattern?: string
  maxLength?: number
  default?: unknown
  description?: string
}

const MADE: [string, Record<string, Bound>][] = [
  ["AgentCreate", AGENT_CREATE_BOUNDS],
  ["BreakerSettings", BREAKER_SETTINGS_BOUNDS],
  ["RetrySettings", RETRY_SETTINGS_BOUNDS],
  ["RetentionSettings", RETENTION_SETTINGS_BOUNDS],
  ["Override", OVERRIDE_BOUNDS],
]
const schemas = openapi.components.schemas as unknown as Record<
  string,
  { properties: Record<string, Property> }
>

it.each(MADE)(
  "says of %s what the OpenAPI document says; `npm run bounds` renews it",
  (name, made) => {
    const properties = Object.entries(schemas[name]?.properties ?? {})
    expect(properties.length).toBeGreaterThan(0)
    for (const [member, outer] of properties) {
      const inner = outer.anyOf?.find((one) => one.type !== "null") ?? outer
      if (inner.type === "object" || (inner.$ref && !made[member])) continue
      const bound = made[member]
      expect(bound, member).toBeDefined()
      expect(bound?.nullable, member).toBe(outer.anyOf?.some((one) => one.type === "null") ?? false)
      for (const key of [
        "minimum",
        "exclusiveMinimum",
        "maximum",
        "pattern",
        "maxLength",
      ] as const) {
        expect(bound?.[key], `${member}.${key}`).toBe(inner[key])
      }
      expect(bound?.default, `${member}.default`).toEqual(outer.default)
      if (inner.$ref) continue
      expect(bound?.description ?? "", member).toBe(outer.description ?? inner.description ?? "")
    }
  },
)
