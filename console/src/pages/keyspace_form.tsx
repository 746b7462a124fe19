// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { api } from "../api";
import { ChangeDialog, Check, DropDialog, Field } from "../parts/form";
import { go, link } from "../route";
import type { Keyspace } from "../types";

interface Settings {
  owner: string;
  "retain-ids": string;
  "require-id": boolean;
  durability: string;
  "max-ids-bytes": string;
}

function SettingsFields({ of, set }: { of: Settings; set: (to: Settings) => void }) {
  return (
    <>
      <Field
        label="Owner"
        hint="The service that alone reads and writes here. Empty: everybody does."
        value={of.owner}
        set={(owner) => set({ ...of, owner })}
      />
      <Field
        label="Remember request ids for"
        hint="A retry within this time has its effect once: 72h, 3d, 90m."
        value={of["retain-ids"]}
        set={(v) => set({ ...of, "retain-ids": v })}
      />
      <Field
        label="Durability"
        value={of.durability}
        set={(durability) => set({ ...of, durability })}
        options={[
          ["always", "always: every write is on disk before its reply"],
          ["everysec", "everysec: a power cut may cost the last second"],
        ]}
      />
      <Field
        label="Bytes of request ids at most"
        hint="0: no limit. At the limit new ids get BUSY."
        value={of["max-ids-bytes"]}
        set={(v) => set({ ...of, "max-ids-bytes": v })}
      />
      <Check
        label="Require a request id with every change"
        checked={of["require-id"]}
        set={(v) => set({ ...of, "require-id": v })}
      />
    </>
  );
}

export function CreateKeyspace({ close, engine }: { close: () => void; engine: boolean }) {
  const [name, set_name] = useState("");
  const [guarantee, set_guarantee] = useState(engine ? "strong" : "eventual");
  const [settings, set] = useState<Settings>({
    owner: "",
    "retain-ids": "72h",
    "require-id": false,
    durability: "always",
    "max-ids-bytes": "0",
  });
  const body = { name, guarantee, ...said(settings) };
  return (
    <ChangeDialog
      title="Create a keyspace"
      verb="Create"
      did={`Created keyspace ${name}`}
      ready={name !== ""}
      intent={`create ${JSON.stringify(body)}`}
      send={(id) => api.create_keyspace(body, id)}
      close={close}
      done={() => go(link(["keyspaces", name]))}
    >
      <Field
        label="Name"
        hint="The part of a key before its first colon: likes for likes:42."
        value={name}
        set={set_name}
        required
        focus
      />
      <Field
        label="Guarantee"
        hint="It never changes afterwards."
        value={guarantee}
        set={set_guarantee}
        options={[
          ["strong", "strong: every read returns the most recent write"],
          ["eventual", "eventual: every node answers at once; replicas converge"],
        ]}
      />
      <SettingsFields of={settings} set={set} />
    </ChangeDialog>
  );
}

/** As a request says it: an owner only where there is one. */
function said(s: Settings): Record<string, unknown> {
  const { owner, ...rest } = s;
  return owner === "" ? rest : { owner, ...rest };
}

const settings_of = (k: Keyspace): Settings => ({
  owner: k.owner,
  "retain-ids": k["retain-ids"],
  "require-id": k["require-id"] === "yes",
  durability: k.durability,
  "max-ids-bytes": k["max-ids-bytes"],
});

export function AlterKeyspace({ keyspace, close }: { keyspace: Keyspace; close: () => void }) {
  const [was] = useState(() => settings_of(keyspace));
  const [settings, set] = useState(was);
  // Only what was changed: another setting may have been altered elsewhere meanwhile.
  const changed = Object.fromEntries(
    Object.entries(settings).filter(([name, value]) => was[name as keyof Settings] !== value),
  );
  return (
    <ChangeDialog
      title={`Alter ${keyspace.name}`}
      verb="Alter"
      did={`Altered keyspace ${keyspace.name}`}
      ready={Object.keys(changed).length > 0}
      intent={`alter ${keyspace.name} ${JSON.stringify(changed)}`}
      send={(id) => api.alter_keyspace(keyspace.name, changed, id)}
      close={close}
    >
      <SettingsFields of={settings} set={set} />
    </ChangeDialog>
  );
}

export function DropKeyspace({ name, keys, close }: { name: string; keys: string; close: () => void }) {
  return (
    <DropDialog
      kind="keyspace"
      name={name}
      send={(id) => api.drop_keyspace(name, id)}
      close={close}
      done={() => go(link(["keyspaces"]))}
    >
      <p>It is forgotten with {keys} and all its request ids, on every node. This cannot be taken back.</p>
    </DropDialog>
  );
}
