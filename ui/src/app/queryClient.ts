import { QueryClient } from "@tanstack/react-query"
import { ApiProblem } from "../api/problem"

const RETRIES = 2

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // What the API refuses, it refuses again; only a server that is away may be back.
      retry: (failures, error) =>
        failures < RETRIES && !(error instanceof ApiProblem && error.status < 500),
    },
  },
})
