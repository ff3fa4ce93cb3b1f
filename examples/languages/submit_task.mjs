// Has an agent called through its breaker: node submit_task.mjs AGENT JSON (Node.js 18 or newer)

const api = `${process.env.FUSELINE_API_URL ?? "http://127.0.0.1:8787"}/api/v1`;
const token = process.env.FUSELINE_API_TOKEN;
const [agent, payload = "null"] = process.argv.slice(2);

async function request(path, options = {}) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(api + path, {
    ...options,
    headers,
    signal: AbortSignal.timeout(60_000),
  });
  const document = await response.json();
  if (!response.ok) throw new Error(document.detail);
  return document;
}

async function main() {
  const body = JSON.stringify({ agent, payload: JSON.parse(payload) });
  const { task } = await request("/tasks", { method: "POST", body });
  let found;
  do {
    found = await request(`/tasks/${task}?wait_seconds=20`);
  } while (found.state !== "done");
  const { status, result, error_kind: kind, error } = found.result;
  if (status !== "succeeded") throw new Error(`${status}: ${kind} ${error}`);
  console.log(JSON.stringify(result));
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
