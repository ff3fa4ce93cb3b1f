import { Button, Code } from "@mantine/core"
import { useDisclosure } from "@mantine/hooks"
import { useMe, useTokens } from "../api/queries"
import { ErrorPanel } from "../components/feedback/ErrorPanel"
import { Notice } from "../components/feedback/Notice"
import { RowSkeletons } from "../components/feedback/Skeletons"
import { PageTitle } from "../components/PageTitle"
import { NewToken } from "../components/tokens/NewToken"
import { TokenTable } from "../components/tokens/TokenTable"

/** Who may use this API, and with which role. */
export function Tokens() {
  const me = useMe()
  const tokens = useTokens(true)
  const [creating, { open, close }] = useDisclosure(false)
  return (
    <>
      <PageTitle title="Tokens">
        {tokens.data && <Button onClick={open}>New token</Button>}
      </PageTitle>
      {me.data?.kind === "local" && (
        <Notice title="This server asks nobody for a token">
          It has none, so every program of this machine is admin here. Make one of role{" "}
          <Code>admin</Code> and start the server again to end that.
        </Notice>
      )}
      {tokens.error ? (
        <ErrorPanel
          error={tokens.error}
          title="The tokens could not be read"
          retry={() => void tokens.refetch()}
        />
      ) : tokens.data ? (
        <TokenTable tokens={tokens.data.items} />
      ) : (
        <RowSkeletons rows={4} height={44} />
      )}
      <NewToken opened={creating} onClose={close} />
    </>
  )
}
