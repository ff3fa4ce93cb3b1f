import { Text, Title } from "@mantine/core"
import { meaningOf } from "../../lib/sentence"
import type { CircuitBreakerConfig } from "../../types/agent"
import classes from "./form.module.css"

/** What the settings mean, in words, while they are typed; null: some are none yet. */
export function MeaningPanel({ config }: { config: CircuitBreakerConfig | null }) {
  const meaning = config === null ? null : meaningOf(config)
  return (
    <section className={classes.meaning} aria-labelledby="meaning">
      <Title order={2} id="meaning" size="0.8125rem" c="dimmed" mb={4}>
        What this means
      </Title>
      {meaning === null ? (
        <Text c="dimmed">Stands here once every setting of the breaker is allowed.</Text>
      ) : (
        <>
          <Text data-testid="meaning">{meaning.main}</Text>
          {meaning.further.length > 0 && (
            <ul>
              {meaning.further.map((one) => (
                <li key={one}>{one}</li>
              ))}
            </ul>
          )}
        </>
      )}
    </section>
  )
}
