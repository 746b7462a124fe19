// SPDX-License-Identifier: Apache-2.0
// What answers a token takes no request id: a token is told once. Where the
// answer was lost, the way on is another ROTATE.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { advice } from "../advice";
import { api, type ApiError, type Outcome } from "../api";
import { is_doubtful } from "../hooks";
import { Copy } from "../parts/copy";
import { Dialog } from "../parts/dialog";
import { Check, DialogButtons, DropDialog, Field } from "../parts/form";
import { keep_token } from "../session";
import { tell } from "../told";

interface TokenDialogProps {
  title: string;
  verb: string;
  did: string;
  ready: boolean;
  ask: () => Promise<Outcome<{ token: string }>>;
  /** What to do where nobody knows whether it happened. */
  doubt: string;
  /** The token is this page's own from now on. */
  sign_in: boolean;
  close: () => void;
  children: ComponentChildren;
}

function TokenDialog(p: TokenDialogProps) {
  const [token, set_token] = useState<string | null>(null);
  const [error, set_error] = useState<ApiError | null>(null);
  const [busy, set_busy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy || !p.ready) return;
    set_busy(true);
    const outcome = await p.ask();
    set_busy(false);
    set_error(outcome.ok ? null : outcome.error);
    if (!outcome.ok) return;
    if (p.sign_in) keep_token(outcome.value.token);
    set_token(outcome.value.token);
    tell(`${p.did}.`);
  };
  if (token !== null)
    return (
      <Dialog title={p.did} close={p.close}>
        <p>
          This is the token. It is shown this once: the node keeps only its hash. Put it where the service reads it.
        </p>
        <p class="token">
          <code>{token}</code> <Copy text={token} what="token" />
        </p>
        {p.sign_in && <p>From now on everybody signs in. This tab has signed in with it.</p>}
        <div class="buttons">
          <button type="button" class="primary" onClick={p.close}>
            I have it
          </button>
        </div>
      </Dialog>
    );
  return (
    <Dialog title={p.title} close={p.close}>
      <form onSubmit={submit}>
        {p.children}
        {error && (
          <div class="note bad" role="alert">
            <p>
              <strong>{error.text}</strong>
            </p>
            <p>{is_doubtful(error) ? p.doubt : advice(error)}</p>
          </div>
        )}
        <DialogButtons verb={p.verb} ready={p.ready} busy={busy} close={p.close} />
      </form>
    </Dialog>
  );
}

export function CreateService({ first, close }: { first: boolean; close: () => void }) {
  const [name, set_name] = useState("");
  const [admin, set_admin] = useState(first);
  return (
    <TokenDialog
      title="Create a service"
      verb="Create"
      did={`Created service ${name}`}
      ready={name !== "" && (!first || admin)}
      ask={() => api.create_service({ name, admin })}
      doubt={`Look at the list: where ${name} is there, rotate its token, for nobody has seen it.`}
      sign_in={first}
      close={close}
    >
      <Field label="Name" hint="As callers sign in: AUTH <name> <token>." value={name} set={set_name} required focus />
      <Check label="It administers: keyspaces, services, nodes, configuration" checked={admin} set={set_admin} />
      {first && (
        <p class="hint">
          It is the first one: from then on everybody signs in, this page too. So it has to administer.
        </p>
      )}
    </TokenDialog>
  );
}

export function RotateService({ name, own, close }: { name: string; own: boolean; close: () => void }) {
  const [overlap, set] = useState("24h");
  return (
    <TokenDialog
      title={`Rotate the token of ${name}`}
      verb="Rotate"
      did={`Rotated the token of ${name}`}
      ready={overlap !== ""}
      ask={() => api.rotate_service(name, { overlap })}
      doubt="Rotate again: the token before this one still counts for the overlap."
      sign_in={own}
      close={close}
    >
      <p>It gets another token. Connections that are signed in stay so.</p>
      <Field
        label="The present token counts for"
        hint="So callers can be restarted one by one: 24h, 30m; 0s: no longer."
        value={overlap}
        set={set}
        required
        focus
      />
    </TokenDialog>
  );
}

export function DropService({ name, close }: { name: string; close: () => void }) {
  return (
    <DropDialog kind="service" name={name} send={(id) => api.drop_service(name, id)} close={close}>
      <p>
        Its connections are asked to sign in at their next command. One that owns a keyspace, or whose runs go on, is
        not dropped.
      </p>
    </DropDialog>
  );
}
