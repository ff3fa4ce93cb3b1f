import { Anchor, Button, Code, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core"
import { useDocumentTitle } from "@mantine/hooks"
import { useRouter, useSearch } from "@tanstack/react-router"
import { type FormEvent, useState } from "react"
import { ApiProblem } from "../api/problem"
import { useLogin } from "../api/queries"
import { duration } from "../lib/format"
import classes from "./Login.module.css"

/** Exchanges a token for a session. */
export function Login() {
  useDocumentTitle("Log in · Fuseline")
  const [token, setToken] = useState("")
  const { from } = useSearch({ from: "/login" })
  const router = useRouter()
  const login = useLogin()
  const submit = (event: FormEvent) => {
    event.preventDefault()
    login.mutate(token.trim(), { onSuccess: () => router.history.push(pathOf(from)) })
  }
  return (
    <main className={classes.page}>
      <Paper className={classes.box} withBorder p="xl" radius="lg">
        <form onSubmit={submit}>
          <Stack gap="md">
            <div className={classes.brand}>
              <img src="/favicon.svg" width={32} height={32} alt="" />
              <Title order={1}>Fuseline</Title>
            </div>
            <Text c="dimmed" size="sm">
              Log in with an API token. The page keeps a session cookie, not the token.
            </Text>
            <PasswordInput
              label="Token"
              placeholder="fl_..."
              autoComplete="current-password"
              data-autofocus
              autoFocus
              required
              withAsterisk={false}
              value={token}
              onChange={(event) => setToken(event.currentTarget.value)}
              error={login.error ? messageOf(login.error) : null}
            />
            <Button type="submit" loading={login.isPending} disabled={token.trim() === ""}>
              Log in
            </Button>
            <Text size="sm" c="dimmed">
              No token yet? Whoever runs the server makes one:
            </Text>
            <Code block className={classes.command}>
              fuseline tokens create NAME <span className={classes.together}>--role operator</span>
            </Code>
            <Anchor size="sm" href="/api/v1/docs">
              The API's documentation
            </Anchor>
          </Stack>
        </form>
      </Paper>
    </main>
  )
}

// Only paths of this server: an address from outside must not lead elsewhere after the login.
function pathOf(from: string | undefined): string {
  return from !== undefined && /^\/(?![/\\])/.test(from) ? from : "/"
}

function messageOf(error: Error): string {
  if (!(error instanceof ApiProblem)) return error.message
  if (error.status === 401) return "This token is not known here, or it is over"
  if (error.retryAfter !== null) {
    return `Too many attempts; try again in ${duration(error.retryAfter)}`
  }
  return error.message
}
