import { Anchor, Text, Title } from "@mantine/core"
import { useDebouncedValue } from "@mantine/hooks"
import { Link } from "@tanstack/react-router"
import type { CircuitBreakerConfig } from "../../types/agent"
import { useWhatIf } from "./queries"
import classes from "./whatif.module.css"
import { lastDaySentence, proposedText, unobservedShare } from "./words"

const WAIT_MS = 500

interface Props {
  agent: string
  /** The settings as they stand in the form; null: some are none yet. */
  config: CircuitBreakerConfig | null
}

/** How often the settings in the form would have opened in the last day. */
export function LastDay({ agent, config }: Props) {
  const [settled] = useDebouncedValue(config, WAIT_MS)
  const { data, error, isPlaceholderData } = useWhatIf(agent, settled, "-1d")
  return (
    <section className={classes.panel} aria-labelledby="last-day">
      <Title order={2} id="last-day" size="0.8125rem" c="dimmed" mb={4}>
        On the last day's calls
      </Title>
      <div className={classes.told} data-old={isPlaceholderData || settled !== config}>
        {error !== null ? (
          <Text size="sm" c="dimmed">
            Not known: {error.message}
          </Text>
        ) : data === undefined ? (
          <Text size="sm" c="dimmed">
            {config === null ? "Stands here once every setting is allowed." : "Folding…"}
          </Text>
        ) : (
          <>
            <Text data-testid="last-day" aria-live="polite">
              {lastDaySentence(data)}
            </Text>
            {data.events > 0 && (
              <Text size="sm" c="dimmed">
                Failures let through: {proposedText(data.total.failures)} (recorded:{" "}
                {data.total.failures.recorded}); good calls refused:{" "}
                {proposedText(data.total.good_refused)}.
                {unobservedShare(data) > 0 &&
                  " Spans are bounds: nobody saw the calls that were refused."}
              </Text>
            )}
          </>
        )}
      </div>
      <Anchor
        renderRoot={(props) => (
          <Link {...props} to="/agents/$name/what-if" params={{ name: agent }} />
        )}
        size="sm"
      >
        Compare over a longer time
      </Anchor>
    </section>
  )
}
