#!/usr/bin/env bash
# Has an agent called through its breaker, with curl and jq: ./submit_task.sh AGENT JSON
set -euo pipefail

api="${FUSELINE_API_URL:-http://127.0.0.1:8787}/api/v1"
agent="$1"
payload="${2:-null}"

request() {
  curl -sS --fail-with-body --max-time 60 -H "Content-Type: application/json" \
    ${FUSELINE_API_TOKEN:+-H "Authorization: Bearer $FUSELINE_API_TOKEN"} "$@"
}

body="$(jq -cn --arg agent "$agent" --argjson payload "$payload" '{$agent, $payload}')"
if ! submitted="$(request -d "$body" "$api/tasks")"; then
  jq -r '.detail' <<<"$submitted" >&2
  exit 1
fi
task="$(jq -r '.task' <<<"$submitted")"

while :; do
  found="$(request "$api/tasks/$task?wait_seconds=20")"
  [ "$(jq -r '.state' <<<"$found")" = done ] && break
done
if [ "$(jq -r '.result.status' <<<"$found")" != succeeded ]; then
  jq -r '"\(.result.status): \(.result.error_kind) \(.result.error)"' <<<"$found" >&2
  exit 1
fi
jq -c '.result.result' <<<"$found"
