"""Messages that the page need not explain, each with the reason."""

from __future__ import annotations

LEFT_OUT: dict[str, str] = {
    "gap": "the reason within the log line stream_starts_anew",
    "data_loss": "the reason within the log line stream_starts_anew",
    "this application answers nobody": "a programming error: the application that documents",
    "an exact start is exact": "a programming error",
    "… counts": "told within: the counts of unit ... cannot be read",
    "a body of a length that is not accepted": "within the demonstration's own agents",
    "the agent answered …": "within the demonstration's own callers, whose outcome it is",
    "the agent closed the connection": "within the demonstration's own callers",
    "no reply within … s": "told within: the server does not answer in time",
    "making … with …": "make says what it does; nothing is wrong",
    "id …, …, …; it is not shown again": "told with a token that was made; nothing is wrong",
    "Copy it now": "told with a token that was made; nothing is wrong",
}
"""Texts that are no trouble, or that nobody meets alone."""

PASSED_ON: dict[str, str] = {
    "fuseline/alerts/deciding.py:observe": "the summary of a reading",
    "fuseline/alerts/sending.py:Sender._post": "the words of an address that is refused",
    "fuseline/alerts/sending.py:Sender._resolve": "the words of a secret that is missing",
    "fuseline/api/conditions.py:meant_for": "the words of a revision that is another",
    "fuseline/api/problems.py:problem_of": "the words of the error, or of the fields",
    "fuseline/api/routes/circuits.py:get_circuit": "why the projection cannot be read",
    "fuseline/api/routes/system.py:readyz": "the words of the server's error",
    "fuseline/archive/proof.py:_Proof.run": "the words of the archive's error",
    "fuseline/archive/proof.py:_Proof._segment": "the words of the archive's error",
    "fuseline/bridge/protocols/a2a_client.py:_options": "the words of a refused option",
    "fuseline/bridge/protocols/a2a_wire.py:message_from": "the words of the A2A SDK",
    "fuseline/bridge/protocols/a2a_wire.py:read_answer": "the words of the A2A SDK",
    "fuseline/bridge/protocols/a2a_wire.py:read_card": "the words of the A2A SDK",
    "fuseline/bridge/protocols/a2a_wire.py:read_task": "the words of the A2A SDK",
    "fuseline/bridge/protocols/a2a_wire.py:send_call": "the words of the A2A SDK",
    "fuseline/bridge/protocols/transport_errors.py:transport_error": "words of its table",
    "fuseline/bridge/tasks/endings.py:Finish.result_of": "the words of the ending",
    "fuseline/bridge/tasks/endings.py:after_failure": "the words of the call's error",
    "fuseline/cli/agents.py:list_agents.command": "a count, or how to get the next page",
    "fuseline/cli/alerts.py:list_alerts.command": "nobody sends alerts now, which is there",
    "fuseline/cli/check.py:_fault": "why it could not be verified",
    "fuseline/cli/exits.py:report": "the words of the error",
    "fuseline/cli/live.py:LiveView._view": "notes of the process that is looked at",
    "fuseline/cli/status.py:_watch": "the words of the error",
    "fuseline/cli/times.py:_clock": "caught, and told as a setting that is not allowed",
    "fuseline/cli/tokens.py:create.command": "told with a token that was made",
    "fuseline/client/errors.py:ApiError.__str__": "title and detail of the API's problem",
    "fuseline/client/stream.py:EventStream._connect": "the words of the request's error",
    "fuseline/client/stream.py:EventStream._next": "the words of the transport's error",
    "fuseline/projections/cursors.py:decode_place": "caught, and told as a setting",
    "fuseline/projections/diagnosis.py:_leases": "the words of the server's error",
    "fuseline/projections/diagnosis.py:diagnose": "the words of the server's error",
    "fuseline/projections/rebuild.py:_Job._store": "the words of the server's error",
    "fuseline/projections/rebuild.py:_Job.run": "the words of the server's error",
    "fuseline/projections/verify.py:_verify": "the words of what was lost",
    "fuseline/projections/verify.py:verify": "the words of the server's error",
}
"""Places that pass on a text which has its entry where it is made."""
