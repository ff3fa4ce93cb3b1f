"""What-if: the recorded events folded again under other settings.

The recorded circuit is folded as it was (`recorded`); beside it a proposed one, whose calls are
those of the record that it would have let through (`proposed`). Where it would have let calls
through that the recorded circuit refused, no outcome exists: the proposed circuit is folded under
several assumptions on those calls (`unseen`), and every figure is a span between their results
(`figures`). `comparing` holds the whole together; `search` tries many settings. The rules are in
`docs/decisions/0016-what-if.md`.
"""
