// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { refusal_of } from "../api";
import { Command } from "../parts/notes";
import { Field } from "../parts/form";
import { Page } from "../parts/page";
import { keep_token } from "../session";
import { ask_now } from "../stream";

/** Whether the node takes the token: the stream itself is asked only with one that counts. */
async function refusal(value: string): Promise<string | null> {
  try {
    const response = await fetch("/v1/node", { headers: { Authorization: `Bearer ${value}` }, cache: "no-store" });
    if (response.ok) return null;
    if (response.status === 401) return "The node does not know this token.";
    return (await refusal_of(response)).text;
  } catch {
    return "The node does not answer.";
  }
}

export function SignIn() {
  const [token, set] = useState("");
  const [wrong, set_wrong] = useState<string | null>(null);
  const [busy, set_busy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    const value = token.trim();
    if (busy || value === "") return;
    set_busy(true);
    const why = await refusal(value);
    set_busy(false);
    set_wrong(why);
    if (why !== null) return;
    keep_token(value);
    ask_now();
  };
  return (
    <Page title="Sign in" lead="Services are declared here, so the node asks who you are.">
      <form class="card narrow" onSubmit={submit}>
        <Field
          label="Token of a service"
          hint="It begins with hf_. It stays in this tab and is forgotten when you close it."
          value={token}
          set={set}
          type="password"
          required
          focus
        />
        {wrong && (
          <div class="note bad" role="alert">
            <p>{wrong}</p>
          </div>
        )}
        <div class="buttons">
          <button type="submit" class="primary" aria-busy={busy}>
            Sign in
          </button>
        </div>
        <p class="dim">No token? Who administers makes one:</p>
        <Command line="redis-cli --user root --pass … SERVICE CREATE console ADMIN" />
      </form>
    </Page>
  );
}
