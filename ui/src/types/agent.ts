import type { components } from "../api/schema"

type Schemas = components["schemas"]

/** All settings of a circuit breaker. */
export type CircuitBreakerConfig = Schemas["CircuitBreakerConfig"]

/** A new agent. */
export type AgentCreate = Schemas["AgentCreate"]

/** Changes of an agent: absent members stay, objects merge, null takes a member back. */
export type AgentUpdate = Schemas["AgentPatch"]

/** An agent as the API shows it. */
export type AgentResponse = Schemas["AgentResponse"]
