// SPDX-License-Identifier: Apache-2.0
// What is published, for whom, and who calls it.
import { api } from "../api";
import { call_matrix, type Cell } from "../call_matrix";
import { count } from "../format";
import { useAsked } from "../hooks";
import { Badge, Empty, Failed, Loading } from "../parts/notes";
import { Table } from "../parts/table";
import { link } from "../route";
import type { Call, LibraryFunction } from "../types";

interface Published extends LibraryFunction {
  keyspace: string;
  library: string;
}

function Allow({ of }: { of: string[] }) {
  if (of.length === 0) return <span class="dim">the owner alone</span>;
  return of.includes("*") ? <>every service</> : <>{of.join(", ")}</>;
}

function CallsCell({ of }: { of: Cell | undefined }) {
  if (!of) return <span class="dim">·</span>;
  return (
    <>
      {count(of.calls)}
      {of.refused > 0 && <div class="sub warn">{count(of.refused)} refused</div>}
      {of.failed > 0 && <div class="sub bad">{count(of.failed)} failed</div>}
    </>
  );
}

function Matrix({ calls }: { calls: Call[] }) {
  const { callers, functions, cells } = call_matrix(calls);
  return (
    <Table
      caption="Who calls which function, since this node began"
      rows={functions}
      key_of={(f) => f}
      columns={[
        { name: "function", cell: (f) => f },
        ...callers.map((caller) => ({
          name: caller === null ? "nobody signed in" : caller,
          number: true,
          cell: (f: string) => <CallsCell of={cells.get(f)?.get(caller)} />,
        })),
      ]}
    />
  );
}

export function Functions({ follows, calls }: { follows: unknown; calls: Call[] }) {
  const asked = useAsked("functions", api.functions, follows);
  const all: Published[] = (asked.value ?? []).flatMap((l) =>
    l.functions.map((f) => ({ ...f, keyspace: l.keyspace, library: l.library_name })),
  );
  return (
    <>
      {asked.error && <Failed error={asked.error} again={asked.again} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && all.length === 0 && (
        <Empty command="redis-cli -x FUNCTION LOAD < accounts.lua">
          No function that you may call is published. An owner publishes a library of them:
        </Empty>
      )}
      {all.length > 0 && (
        <Table
          caption="Functions"
          rows={all}
          key_of={(f) => f.call}
          columns={[
            { name: "function", cell: (f) => <code>{f.call}</code> },
            { name: "what it does", cell: (f) => f.description || <span class="dim">not described</span> },
            { name: "keyspace", cell: (f) => <a href={link(["keyspaces", f.keyspace])}>{f.keyspace}</a> },
            {
              name: "may change data",
              cell: (f) => (f.flags.includes("no-writes") ? <Badge kind="quiet">only reads</Badge> : "yes"),
            },
            { name: "who may call it", cell: (f) => <Allow of={f.allow} /> },
          ]}
        />
      )}
      <h3>Who calls which</h3>
      {calls.length === 0 ? (
        <p class="dim">No function was called at this node since it began.</p>
      ) : (
        <Matrix calls={calls} />
      )}
    </>
  );
}
