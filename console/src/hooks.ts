// SPDX-License-Identifier: Apache-2.0
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import type { Answer, ApiError, Outcome } from "./api";
import { new_request_id } from "./request_id";
import { parse_route, type Route } from "./route";
import { live, type Live, type Store } from "./store";

export function useStore<T>(store: Store<T>): T {
  const [value, set] = useState(store.get());
  useEffect(() => {
    set(store.get()); // it may have changed before this was listening
    return store.listen(() => set(store.get()));
  }, [store]);
  return value;
}

export const useLive = (): Live => useStore(live);

export function useRoute(): Route {
  const [route, set] = useState(() => parse_route(location.hash));
  useEffect(() => {
    const changed = () => set(parse_route(location.hash));
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export interface Asked<T> {
  value: T | null;
  error: ApiError | null;
  again: () => void;
}

/** Nobody knows whether it took effect: the same id must be sent again. */
export function is_doubtful(error: ApiError): boolean {
  return error.kind === "unreachable" || error.status === 504;
}
/** Surely not applied, and not remembered: the same id may be sent again. */
function is_passing(error: ApiError): boolean {
  return error.status === 503 || error.status === 401;
}

/**
 * Asks the node, and asks again whenever `follows` changes: what of the stream
 * says that the answer may be another one. Never two at once; what changes
 * meanwhile is one more question behind. `what` names the question: with
 * another one the old answer is not shown any more.
 */
export function useAsked<T>(
  what: string,
  ask: (signal: AbortSignal) => Promise<Outcome<T>>,
  follows: unknown,
): Asked<T> {
  const [told, set] = useState<{ what: string; value: T | null; error: ApiError | null }>({
    what,
    value: null,
    error: null,
  });
  const [nudge, set_nudge] = useState(0);
  const asking = useRef<{ what: string; abort: AbortController; more: boolean } | null>(null);
  const question = useRef(ask);
  question.current = ask;
  // What may pass is asked again with the next state, though nothing has changed.
  const { tick } = useLive();
  const passes = told.what === what && told.error !== null && (is_doubtful(told.error) || is_passing(told.error));
  const retry = passes ? tick : -1;

  useEffect(() => {
    const under_way = asking.current;
    if (under_way?.what === what) {
      under_way.more = true;
      return;
    }
    under_way?.abort.abort();
    const mine = { what, abort: new AbortController(), more: true };
    asking.current = mine;
    void (async () => {
      while (mine.more && asking.current === mine) {
        mine.more = false;
        const outcome = await question.current(mine.abort.signal);
        if (asking.current !== mine) return;
        set((was) => ({
          what,
          value: outcome.ok ? outcome.value : was.what === what ? was.value : null,
          error: outcome.ok ? null : outcome.error,
        }));
      }
      if (asking.current === mine) asking.current = null;
    })();
  }, [what, nudge, follows, retry]);

  useEffect(
    () => () => {
      asking.current?.abort.abort();
      asking.current = null;
    },
    [],
  );
  const again = useCallback(() => set_nudge((n) => n + 1), []);
  const current = told.what === what ? told : { value: null, error: null };
  return { value: current.value, error: current.error, again };
}

/** Changes when something of the strong log did; where there is none, with every state. */
export function useLogPosition(): number {
  const { state, tick } = useLive();
  return state?.engine?.position ?? state?.node["applied-position"] ?? tick;
}

export type ChangeState =
  | { is: "idle" }
  | { is: "under-way" }
  /** `again`: another try is the same operation, under the same request id. */
  | { is: "failed"; error: ApiError; may_have_happened: boolean; again: boolean };

export interface Change {
  state: ChangeState;
  /** The request id of the change under way or failed. */
  id: string;
  /** The answer, or null where it failed: then `state` says how. */
  run: (intent: string, send: (id: string) => Promise<Outcome<unknown>>) => Promise<Answer<unknown> | null>;
}

/**
 * One change, by a request id that stays the same for every try of the same
 * intent, until its outcome is known.
 */
export function useChange(): Change {
  const [state, set] = useState<ChangeState>({ is: "idle" });
  const current = useRef({ intent: "", id: "" });
  const run = useCallback(async (intent: string, send: (id: string) => Promise<Outcome<unknown>>) => {
    if (current.current.intent !== intent || current.current.id === "")
      current.current = { intent, id: new_request_id() };
    set({ is: "under-way" });
    const outcome = await send(current.current.id);
    if (outcome.ok) {
      current.current = { intent: "", id: "" };
      set({ is: "idle" });
      return outcome;
    }
    const doubtful = is_doubtful(outcome.error);
    const again = doubtful || is_passing(outcome.error);
    set({ is: "failed", error: outcome.error, may_have_happened: doubtful, again });
    // A refusal that the state decided is recorded under its id: another try is another operation.
    if (!again) current.current = { intent: "", id: "" };
    return null;
  }, []);
  return { state, id: current.current.id, run };
}
