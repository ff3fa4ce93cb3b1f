// Calls an agent itself, guarded by its breaker: node guarded_call.mjs AGENT URL JSON (18 or newer)
import { hostname } from "node:os";

const [agent, url, payload = "null"] = process.argv.slice(2);
const api = process.env.FUSELINE_API_URL ?? "http://127.0.0.1:8787";
const circuit = `${api}/api/v1/circuits/${agent}`;
const token = process.env.FUSELINE_API_TOKEN;

// Under these numbers the log takes each outcome once, however often it is sent.
const worker = `${hostname()}-${process.pid}`;
const run = Date.now();
let sequence = 1;

async function post(path, document) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const signal = AbortSignal.timeout(60_000);
  const body = document && JSON.stringify(document);
  const response = await fetch(circuit + path, { method: "POST", headers, body, signal });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

async function guarded(call) {
  const admission = await post("/admissions");
  if (!admission.admitted) {
    throw new Error(`refused: ${admission.cause}, again in ${admission.retry_after_seconds} s`);
  }
  const began = performance.now();
  let outcome = { result: "success" };
  try {
    return await call();
  } catch (error) {
    outcome = { result: "failure", failure_kind: error.kind ?? error.name };
    throw error;
  } finally {
    const duration_ms = Math.round(performance.now() - began);
    const outcomes = [{ ticket: admission.ticket, duration_ms, ...outcome }];
    ({ sequence } = await post("/outcomes", { worker, run, sequence, outcomes }));
    sequence += 1;
  }
}

async function ask() {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: payload,
    signal: AbortSignal.timeout(30_000),
  });
  if (response.status >= 500 || response.status === 429) {
    const kind = `http_${response.status}`;
    throw Object.assign(new Error(`failed: ${kind}`), { kind });
  }
  return response.text();
}

guarded(ask).then(console.log, (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
