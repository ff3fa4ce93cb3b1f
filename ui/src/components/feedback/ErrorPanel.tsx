import { Button, Code, Group, List, Stack, Text } from "@mantine/core"
import { ApiProblem, NetworkProblem } from "../../api/problem"
import { duration } from "../../lib/format"
import { Notice } from "./Notice"

interface Props {
  error: unknown
  /** What failed, in words: "The agents could not be read". */
  title?: string
  retry?: () => void
}

/** What failed, what to try, and the id under which the server's log has it. */
export function ErrorPanel({ error, title = "This could not be read", retry }: Props) {
  const problem = error instanceof ApiProblem ? error.problem : null
  return (
    <Notice tone="bad" title={title}>
      <Stack gap="xs">
        <Text size="sm">{problem ? problem.detail : messageOf(error)}</Text>
        {problem?.errors && problem.errors.length > 0 && (
          <List size="sm">
            {problem.errors.map((one) => (
              <List.Item key={one.field}>
                <Code>{one.field}</Code>: {one.allowed}
              </List.Item>
            ))}
          </List>
        )}
        <Text size="sm">{adviceOn(error)}</Text>
        <Group gap="sm">
          {retry && (
            <Button size="xs" variant="default" onClick={retry}>
              Try again
            </Button>
          )}
          {problem?.request_id && (
            <Text size="xs" c="dimmed">
              Request <Code>{problem.request_id}</Code>
            </Text>
          )}
        </Group>
      </Stack>
    </Notice>
  )
}

/** The same where a whole page fails; for the router. */
export function RouteError({ error, reset }: { error: unknown; reset: () => void }) {
  return <ErrorPanel error={error} title="This page failed" retry={reset} />
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function adviceOn(error: unknown): string {
  if (error instanceof NetworkProblem) return "Look whether the process of the API runs."
  if (!(error instanceof ApiProblem)) return "Load the page again; if it stays, it is a defect."
  if (error.retryAfter !== null) return `Try again in ${duration(error.retryAfter)}.`
  if (error.status === 403) return "Your token's role does not allow this; ask an admin."
  if (error.status === 404) return "It may have been removed meanwhile."
  if (error.status === 409 || error.status === 412) return "Load what is there now, then decide."
  if (error.status === 503) return "Look whether Redis or Valkey answers: fuseline doctor"
  if (error.status >= 500) return "The server's log says more under the id below."
  return ""
}
