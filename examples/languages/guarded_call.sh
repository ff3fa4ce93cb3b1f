#!/usr/bin/env bash
# Calls an agent itself, guarded by its breaker: ./guarded_call.sh AGENT URL JSON  (curl, jq)
set -euo pipefail

circuit="${FUSELINE_API_URL:-http://127.0.0.1:8787}/api/v1/circuits/$1"
url="$2"
payload="${3:-null}"
answer="$(mktemp)"
trap 'rm -f "$answer"' EXIT

fuseline() {
  curl -sS --fail-with-body --max-time 60 -H "Content-Type: application/json" \
    ${FUSELINE_API_TOKEN:+-H "Authorization: Bearer $FUSELINE_API_TOKEN"} "$@"
}

if ! admission="$(fuseline -X POST "$circuit/admissions")"; then
  jq -r '.detail' <<<"$admission" >&2
  exit 1
fi
if [ "$(jq -r '.admitted' <<<"$admission")" != true ]; then
  jq -r '"refused: \(.cause), ask again in \(.retry_after_seconds) s"' <<<"$admission" >&2
  exit 1
fi

began="$(date +%s%N)"
status="$(curl -sS --max-time 30 -o "$answer" -w '%{http_code}' \
  -H "Content-Type: application/json" -d "$payload" "$url" || true)"
milliseconds=$((($(date +%s%N) - began) / 1000000))
case "$status" in
  000) result=failure kind=connect_error ;;
  5?? | 429) result=failure kind="http_$status" ;;
  *) result=success kind="" ;;
esac

# One process, one call: its number is 1. A program that runs on counts up.
jq -cn --arg worker "$(hostname)-$$" --argjson run "$(date +%s)" \
  --arg ticket "$(jq -r '.ticket' <<<"$admission")" --arg result "$result" --arg kind "$kind" \
  --argjson duration "$milliseconds" '{$worker, $run, sequence: 1, outcomes:
  [{$ticket, $result, failure_kind: $kind, duration_ms: $duration}]}' |
  fuseline -d @- --retry 3 --retry-connrefused "$circuit/outcomes" >/dev/null

if [ "$result" = failure ]; then
  echo "failed: $kind" >&2
  exit 1
fi
cat "$answer"
