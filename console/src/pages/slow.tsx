// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { api, command } from "../api";
import { micros, plural } from "../format";
import { useAsked, useLive } from "../hooks";
import { ChangeDialog } from "../parts/form";
import { Empty, Failed, Loading } from "../parts/notes";
import { Moment, Page } from "../parts/page";
import { Table } from "../parts/table";

const count = 128;

export function SlowPage() {
  const { state } = useLive();
  const [emptying, empty] = useState(false);
  const asked = useAsked(
    "slow",
    (signal) => api.slow(count, signal),
    `${state?.slow?.["last-id"]} ${state?.slow?.count}`,
  );
  const all = asked.value ?? [];
  const admin = !state?.caller || state.caller.admin;
  return (
    <Page
      title="Slow commands"
      lead="Commands of this node that took longer than slowlog-log-slower-than, the newest first."
      actions={
        admin &&
        all.length > 0 && (
          <button type="button" onClick={() => empty(true)}>
            Forget them
          </button>
        )
      }
    >
      {asked.error && <Failed error={asked.error} again={asked.again} />}
      {!asked.value && !asked.error && <Loading />}
      {asked.value && all.length === 0 && (
        <Empty command="redis-cli CONFIG SET slowlog-log-slower-than 1000">
          No command was slow. To see quicker ones too, say from how many microseconds:
        </Empty>
      )}
      {all.length > 0 && (
        <>
          <Table
            caption="Slow commands"
            rows={all}
            key_of={(s) => String(s.id)}
            class="card"
            columns={[
              { name: "when", cell: (s) => <Moment ms={s["at-ms"]} /> },
              { name: "took", number: true, cell: (s) => micros(s["took-us"]) },
              { name: "command", cell: (s) => <code class="cell">{s.command.join(" ")}</code> },
              { name: "service", cell: (s) => s.service || "–" },
              { name: "from", cell: (s) => s.client || "–" },
            ]}
          />
          <p class="dim">{plural(all.length, "command")}</p>
        </>
      )}
      {emptying && (
        <ChangeDialog
          title="Forget the slow commands?"
          verb="Forget"
          did="Forgot the slow commands"
          intent="slowlog reset"
          send={() => command(["SLOWLOG", "RESET"])}
          close={() => empty(false)}
          done={asked.again}
        >
          <p>The list begins anew. Nothing else changes.</p>
        </ChangeDialog>
      )}
    </Page>
  );
}
