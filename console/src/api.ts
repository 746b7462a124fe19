// SPDX-License-Identifier: Apache-2.0
// All that the console asks of a node. An answer is a value, never an
// exception: the caller shows what happened, whichever it was.
import { forget_token, token } from "./session";
import type * as t from "./types";

export interface ApiError {
  /** "unreachable": nobody answered, so nobody knows whether a change took effect. */
  kind: "unreachable" | "refused";
  status: number;
  code: string;
  text: string;
}

export interface Answer<T> {
  ok: true;
  value: T;
  /** What Idempotency-Replayed said, when it said something. */
  replayed: string | null;
  etag: string | null;
}

export type Outcome<T> = Answer<T> | { ok: false; error: ApiError };

export interface Asking {
  body?: unknown;
  /** A body of bytes or text, sent as it is. */
  raw?: string;
  /** The request id, for what changes something. */
  id?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A node answers everything within its own deadline, 5 s unless told otherwise; behind that it is gone. */
const patience_ms = 15_000;

const listeners = new Set<() => void>();
/** Called when the node asks to sign in. */
export function on_sign_in_wanted(listener: () => void): void {
  listeners.add(listener);
}

export function headers_of(more?: Record<string, string>): Record<string, string> {
  const signed = token();
  return { ...(signed ? { Authorization: `Bearer ${signed}` } : {}), ...more };
}

export function sign_in_wanted(): void {
  forget_token();
  for (const listener of listeners) listener();
}

async function send(method: string, path: string, asking: Asking): Promise<Response> {
  const headers = headers_of(asking.headers);
  const json = asking.raw === undefined && (asking.body !== undefined || method !== "GET");
  if (json) headers["Content-Type"] = "application/json";
  if (asking.raw !== undefined) headers["Content-Type"] = "application/octet-stream";
  if (asking.id) headers["Idempotency-Key"] = asking.id;
  const late = AbortSignal.timeout(patience_ms);
  return fetch(path, {
    method,
    headers,
    body: asking.raw ?? (asking.body === undefined ? null : JSON.stringify(asking.body)),
    signal: asking.signal ? AbortSignal.any([late, asking.signal]) : late,
    cache: "no-store",
  });
}

function error_of(status: number, body: unknown): ApiError {
  const told = (body ?? {}) as { error?: unknown; detail?: unknown; code?: unknown };
  const line = typeof told.error === "string" ? told.error : String(told.detail ?? `HTTP ${status}`);
  const code = typeof told.code === "string" ? told.code : (/^[A-Z]+(?= )/.exec(line)?.[0] ?? "");
  return { kind: "refused", status, code, text: line };
}

/** What a refused answer says, whatever its form. */
export async function refusal_of(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  return error_of(response.status, body);
}

export async function request<T>(method: string, path: string, asking: Asking = {}): Promise<Outcome<T>> {
  let response: Response;
  let text: string;
  try {
    response = await send(method, path, asking);
    text = await response.text();
  } catch (reason) {
    const late = reason instanceof DOMException && reason.name === "TimeoutError";
    const why = late ? `No answer in ${patience_ms / 1000} s.` : "The node does not answer.";
    return { ok: false, error: { kind: "unreachable", status: 0, code: "", text: why } };
  }
  let body: unknown = text;
  if (/json/.test(response.headers.get("Content-Type") ?? "")) {
    try {
      body = JSON.parse(text);
    } catch {
      return {
        ok: false,
        error: { kind: "refused", status: response.status, code: "", text: "the answer is no JSON" },
      };
    }
  }
  if (response.status === 401) sign_in_wanted();
  if (!response.ok) return { ok: false, error: error_of(response.status, body) };
  return {
    ok: true,
    value: body as T,
    replayed: response.headers.get("Idempotency-Replayed"),
    etag: response.headers.get("ETag"),
  };
}

type Told = { result: unknown } | { error: string };

/** One command, by POST /v1/command. */
export async function command<T>(words: string[], asking: Asking = {}): Promise<Outcome<T>> {
  const outcome = await request<{ result: T }>("POST", "/v1/command", { ...asking, body: words });
  return outcome.ok ? { ...outcome, value: outcome.value.result } : outcome;
}

/** Several reads at once; of one that was refused, its error. */
export async function pipeline(commands: string[][], asking: Asking = {}): Promise<Outcome<unknown[]>> {
  if (commands.length === 0) return { ok: true, value: [], replayed: null, etag: null };
  const outcome = await request<Told[]>("POST", "/v1/pipeline", { ...asking, body: commands });
  if (!outcome.ok) return outcome;
  return { ...outcome, value: outcome.value.map((told) => ("result" in told ? told.result : error_of(400, told))) };
}

const at = encodeURIComponent;
const get = <T>(path: string, signal?: AbortSignal) => request<T>("GET", path, signal ? { signal } : {});

export const api = {
  node: (s?: AbortSignal) => get<t.NodeFacts>("/v1/node", s),
  create_keyspace: (body: object, id: string) => request<unknown>("POST", "/v1/keyspaces", { body, id }),
  alter_keyspace: (name: string, body: object, id: string) =>
    request<unknown>("PATCH", `/v1/keyspaces/${at(name)}`, { body, id }),
  drop_keyspace: (name: string, id: string) => request<unknown>("DELETE", `/v1/keyspaces/${at(name)}`, { id }),

  services: (s?: AbortSignal) => get<string[]>("/v1/services", s),
  service: (name: string, s?: AbortSignal) => get<t.Service>(`/v1/services/${at(name)}`, s),
  // What answers a token takes no request id: a token is told once.
  create_service: (body: object) => request<{ token: string }>("POST", "/v1/services", { body }),
  rotate_service: (name: string, body: object) =>
    request<{ token: string }>("POST", `/v1/services/${at(name)}/rotate`, { body }),
  drop_service: (name: string, id: string) => request<unknown>("DELETE", `/v1/services/${at(name)}`, { id }),
  functions: (s?: AbortSignal) => get<t.Library[]>("/v1/functions", s),

  workflows: (s?: AbortSignal) => get<t.Workflow[]>("/v1/workflows", s),
  workflow: (name: string, s?: AbortSignal) => get<t.Workflow>(`/v1/workflows/${at(name)}`, s),
  runs: (query: URLSearchParams, s?: AbortSignal) => get<{ cursor: string; runs: t.Run[] }>(`/v1/runs?${query}`, s),
  run: (run: string, s?: AbortSignal) => get<t.RunStatus>(`/v1/runs/${at(run)}`, s),
  history: (run: string, s?: AbortSignal) => get<t.Attempt[]>(`/v1/runs/${at(run)}/history`, s),
  retry_run: (run: string, id: string) => request<t.Run>("POST", `/v1/runs/${at(run)}/retry`, { id }),
  cancel_run: (run: string, id: string) => request<t.Run>("POST", `/v1/runs/${at(run)}/cancel`, { id }),
  signal_run: (run: string, name: string, body: unknown, id: string) =>
    request<t.Run>("POST", `/v1/runs/${at(run)}/signals/${at(name)}`, { body, id }),

  slow: (count: number, s?: AbortSignal) => get<t.Slow[]>(`/v1/slow?count=${count}`, s),
  remove_node: (node: string, id: string) => request<unknown>("DELETE", `/v1/nodes/${at(node)}`, { id }),

  put_value: (key: string, value: string, more: { id: string; etag?: string | null; px?: number }) =>
    request<unknown>("PUT", `/v1/values/${at(key)}${more.px ? `?PX=${more.px}` : ""}`, {
      raw: value,
      id: more.id,
      ...(more.etag ? { headers: { "If-Match": more.etag } } : {}),
    }),
};
