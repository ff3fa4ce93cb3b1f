import { Link } from "@tanstack/react-router"
import { useCircuitRow } from "../../api/useStream"
import type { AgentResponse } from "../../types/agent"
import { ControlMenu } from "../control/ControlMenu"
import { StateBadge } from "../state/StateBadge"
import { TimeAgo } from "../state/TimeAgo"
import classes from "./list.module.css"

interface Props {
  agent: AgentResponse
  onTag: (tag: string) => void
}

const TAGS_SHOWN = 4

/** One agent of the list, its state as it is now. */
export function AgentRow({ agent, onTag }: Props) {
  const circuit = useCircuitRow(agent.name)
  return (
    <>
      <span className={classes.state}>
        {circuit === undefined ? (
          <span className={classes.lesser}>…</span>
        ) : (
          <StateBadge row={circuit} size="sm" />
        )}
      </span>
      <div className={classes.what}>
        <Link to="/agents/$name" params={{ name: agent.name }}>
          {agent.name}
        </Link>
        <p title={agent.description || undefined}>
          {agent.description || agent.url || "called by code"}
        </p>
      </div>
      <span className={classes.tags}>
        {agent.tags.slice(0, TAGS_SHOWN).map((tag) => (
          <button
            key={tag}
            type="button"
            className={classes.tag}
            aria-label={`Only agents with the tag ${tag}`}
            onClick={() => onTag(tag)}
          >
            {tag}
          </button>
        ))}
        {agent.tags.length > TAGS_SHOWN && (
          <span className={classes.lesser} title={agent.tags.join(", ")}>
            +{agent.tags.length - TAGS_SHOWN}
          </span>
        )}
      </span>
      <span className={classes.lesser}>{agent.url === null ? "code" : agent.protocol}</span>
      <span className={classes.lesser} title={`by ${agent.updated_by}`}>
        changed <TimeAgo atMs={agent.updated_at_ms} />
      </span>
      <span className={classes.actions}>
        <ControlMenu agent={agent.name} compact />
      </span>
    </>
  )
}
