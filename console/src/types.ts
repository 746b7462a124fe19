// SPDX-License-Identifier: Apache-2.0
// What a node answers, by the names that it uses. Fields that a node may leave
// out are optional: an older one, or a caller who may not see them.

export interface NodeFacts {
  id: string;
  state: string;
  resp: string;
  http: string;
  mesh: string;
  "durable-position": number;
  "joined-ms": number;
  "heard-ms": number;
  "trimmable-position"?: number;
  engine?: string;
  "applied-position"?: number;
  here?: string;
}

export interface Link {
  /** Null: an address at which nobody has said yet who it is. */
  node: string | null;
  address?: string;
  connected: boolean;
  /** Why it is not connected. */
  trouble?: string;
  "behind-ms"?: number;
  "unsent-entries"?: number;
  "sent-bytes"?: number;
}

export interface Engine {
  name: string;
  reachable?: boolean;
  position?: number;
  "append-p50-us"?: number | null;
  "append-p99-us"?: number | null;
}

export interface Load {
  "commands-a-second"?: number;
  requests?: number;
  "refused-a-second"?: number;
  connections?: number;
  "http-connections"?: number;
  "memory-bytes"?: number;
  "memory-limit-bytes"?: number;
}

export interface Latency {
  count: number;
  "p50-us"?: number | null;
  "p95-us"?: number | null;
  "p99-us"?: number | null;
  "max-us"?: number | null;
}

export type Guarantee = "strong" | "eventual";

export interface Keyspace {
  name: string;
  id: number;
  guarantee: Guarantee;
  owner: string;
  "retain-ids": string;
  "require-id": string;
  durability: string;
  "max-ids-bytes": string;
  "created-ms": number;
  keys: number;
  "memory-bytes": number;
  ids: number;
  "ids-bytes": number;
  replayed: number;
  reused?: number;
  expired?: number;
  /** How far this node may be behind each other one; null: nothing is known. */
  "behind-ms"?: Record<string, number | null>;
  "commands-a-second"?: number;
}

export interface Call {
  caller: string | null;
  function: string;
  calls: number;
  refused: number;
  failed: number;
}

/** One state of the stream, GET /v1/events. */
export interface State {
  "at-ms": number;
  /** A service; null: nobody has to sign in. */
  caller?: { service: string | null; admin: boolean } | null;
  node: NodeFacts;
  nodes?: NodeFacts[];
  links?: Link[];
  engine?: Engine;
  load?: Load;
  latency?: Latency;
  keyspaces?: Keyspace[];
  "keyspaces-more"?: number;
  runs?: { running: number; undoing: number; stuck: number };
  slow?: { count: number; "last-id": number };
  calls?: Call[];
}

export interface Service {
  name: string;
  id: number;
  admin: string;
  "created-ms": number;
  "former-token-until-ms": number | null;
  keyspaces: string[];
}

export interface Library {
  library_name: string;
  engine: string;
  keyspace: string;
  functions: LibraryFunction[];
}

export interface LibraryFunction {
  name: string;
  description: string | null;
  flags: string[];
  call: string;
  /** The services that the owner lets call it; "*" for all. */
  allow: string[];
}

export interface Workflow {
  workflow: string;
  version: number;
  definition: Definition;
}

export interface Definition {
  name: string;
  description?: string;
  deadline?: string;
  steps: (StepDefinition | { together: StepDefinition[] })[];
}

export interface StepDefinition {
  name: string;
  call?: string;
  http?: { method?: string; url?: unknown };
  wait?: { for?: string; signal?: string };
  undo?: { call?: string; http?: { method?: string; url?: unknown } };
}

export type RunState = "running" | "done" | "undoing" | "undone" | "stuck" | "cancelled";
export const run_states: readonly RunState[] = ["running", "undoing", "stuck", "done", "undone", "cancelled"];

export interface Run {
  run: string;
  workflow: string;
  version: number;
  state: RunState;
  "started-ms": number;
  "ended-ms": number | null;
}

export interface StepRun {
  step: string;
  state: string;
  attempt: number;
  "due-ms": number | null;
  result: unknown;
}

export interface RunStatus extends Run {
  "deadline-ms": number | null;
  why: string;
  input: unknown;
  steps: StepRun[];
}

export interface Attempt {
  step: string;
  call: "do" | "undo";
  attempt: number;
  "request-id": string;
  "ended-ms": number;
  outcome: string;
  error: string;
}

export interface Slow {
  id: number;
  "at-ms": number;
  "took-us": number;
  command: string[];
  client?: string;
  service?: string | null;
}
