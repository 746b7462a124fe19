// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "preact/hooks";

import { plural } from "../format";
import { useAsked, useLive, useLogPosition } from "../hooks";
import { find_keys } from "../keys";
import { Field } from "../parts/form";
import { Badge, Empty, Failed, Loading } from "../parts/notes";
import { Page } from "../parts/page";
import { Table } from "../parts/table";
import { go, link } from "../route";
import { NewKey } from "./value_forms";

const page_size = 200;

export function Data({ keyspace, query }: { keyspace: string; query: URLSearchParams }) {
  const { state, tick } = useLive();
  const position = useLogPosition();
  const all = state?.keyspaces ?? [];
  const names = all.map((k) => k.name);
  const name = keyspace || (names.find((n) => n !== "default") ?? names[0] ?? "default");
  const of = all.find((k) => k.name === name);
  const typed = query.get("pattern") ?? "";
  const type = query.get("type") ?? "";
  const [wanted, set_wanted] = useState(page_size);
  const [making, make] = useState(false);
  useEffect(() => set_wanted(page_size), [name, typed, type]);

  // What merges from other nodes moves no position: an eventual keyspace is asked again with every state.
  const follows = of?.guarantee === "eventual" ? tick : position;
  const what = `${name}\n${typed}\n${type}\n${wanted}\n${names.join()}`;
  const found = useAsked(what, (signal) => find_keys(name, names, typed, type, wanted, signal), follows);
  const ask = (change: Record<string, string>) =>
    go(link(["data", change["keyspace"] ?? name], { pattern: typed, type, ...change, keyspace: "" }), true);
  const more = found.value && found.value.cursor !== "0";

  return (
    <Page
      title="Data"
      actions={
        <button type="button" class="primary" onClick={() => make(true)}>
          New key
        </button>
      }
    >
      <form class="filters" role="search" aria-label="Keys" onSubmit={(event) => event.preventDefault()}>
        <Field
          label="Keyspace"
          value={name}
          set={(v) => ask({ keyspace: v })}
          options={(names.includes(name) ? names : [name, ...names]).map((n) => [n, n])}
        />
        <Field label="Key begins with, or pattern" value={typed} set={(pattern) => ask({ pattern })} type="search" />
        <Field
          label="Type"
          value={type}
          set={(v) => ask({ type: v })}
          options={[
            ["", "every type"],
            ["string", "string"],
            ["hash", "hash"],
            ["set", "set"],
            ["zset", "sorted set"],
            ["list", "list"],
          ]}
        />
      </form>
      {found.error && <Failed error={found.error} again={found.again} />}
      {!found.value && !found.error && <Loading />}
      {found.value && (
        <p class="dim" role="status">
          {plural(found.value.keys.length, "key")}
          {more ? ", and perhaps more" : ""}
        </p>
      )}
      {found.value && found.value.keys.length === 0 && !more && (
        <Empty command={`redis-cli SET ${name === "default" ? "" : `${name}:`}hello world`}>
          {typed || type
            ? "No key is like that. Try fewer letters, or every type."
            : `There is no key in ${name} yet. Make one here, or type:`}
        </Empty>
      )}
      {found.value && found.value.keys.length > 0 && (
        <Table
          caption={`Keys of ${name}`}
          rows={found.value.keys}
          key_of={(k) => k.key}
          class="card"
          columns={[
            { name: "key", cell: (k) => <a href={link(["key", k.key])}>{k.key}</a> },
            { name: "type", cell: (k) => <Badge kind="quiet">{k.type}</Badge> },
          ]}
        />
      )}
      {more && (
        <button type="button" onClick={() => set_wanted(wanted + page_size)}>
          Look for more
        </button>
      )}
      {making && <NewKey keyspace={name} close={() => make(false)} />}
    </Page>
  );
}
