import { useMe } from "../../api/queries"
import { Copyable } from "./Facts"
import classes from "./timeline.module.css"

/** The id of a trace, to copy; and the way to it, where the API knows of a viewer. */
export function TraceId({ id, shown }: { id: string; shown?: number }) {
  const { data } = useMe()
  const size = shown === undefined ? {} : { shown }
  return (
    <span className={classes.trace}>
      <Copyable value={id} what="trace id" {...size} />
      {data?.trace_url && (
        <a
          href={data.trace_url.replace("{trace_id}", id)}
          target="_blank"
          rel="noreferrer"
          title="Open in the viewer of traces"
        >
          open<span className="fl-hidden"> trace {id}</span>
        </a>
      )}
    </span>
  )
}
