// SPDX-License-Identifier: Apache-2.0
// Why a key has its value: who contributed what, what was merged, and what
// every replica says now.
import { useState } from "preact/hooks";

import { request } from "../api";
import {
  agreement,
  effect_words,
  id_words,
  lag,
  retried,
  sentences,
  settled_parts,
  sum_of,
  why_not,
  writers,
  type Effect,
  type Explanation,
  type Origin,
  type ReplicaSays,
} from "../explain_model";
import { count, node_name, plural, short } from "../format";
import { useAsked } from "../hooks";
import { Field } from "../parts/form";
import { Badge, Failed, Loading } from "../parts/notes";
import { Card } from "../parts/page";
import { Table } from "../parts/table";

function Chip({ effect }: { effect: Effect }) {
  const why = why_not(effect);
  return (
    <li class={`chip ${why ? "covered" : ""}`}>
      <span class="what">{short(effect_words(effect), 60)}</span>
      {why && <span class="why">{why}</span>}
      {effect.id && <span class="why">id {short(id_words(effect.id), 28)}</span>}
    </li>
  );
}

function Lane({ origin, self }: { origin: Origin; self: string }) {
  const left_out = origin["effects-left-out"] ?? 0;
  return (
    <li class="lane">
      <div class="lane-head">
        <b>{node_name(origin.origin)}</b>
        {origin.origin === self && <span class="dim"> this node</span>}
        <div class="dim num">its log to {count(Number(origin.position))}</div>
      </div>
      <ul class="chips">
        {origin.effects.map((effect, i) => (
          <Chip key={i} effect={effect} />
        ))}
        {left_out > 0 && <li class="dim">and {count(left_out)} more</li>}
      </ul>
      {origin.sum !== null && <div class="lane-sum num">{count(Number(origin.sum))}</div>}
    </li>
  );
}

function Sum({ of }: { of: Explanation }) {
  const sum = sum_of(of);
  if (!sum) return null;
  return (
    <p class="sum num">
      {sum.terms.map((term, i) => (
        <span key={term.from} class="term">
          {i > 0 && <span class="plus">{term.amount < 0 ? "−" : "+"}</span>}
          <span class="box">
            <b>{count(i > 0 ? Math.abs(term.amount) : term.amount)}</b>
            <small>{term.from}</small>
          </span>
        </span>
      ))}
      <span class="term">
        <span class="plus">=</span>
        <span class="box total">
          <b>{count(sum.total)}</b>
          <small>value here</small>
        </span>
      </span>
    </p>
  );
}

function Contributions({ of, self }: { of: Explanation; self: string }) {
  const settled = settled_parts(of.stable);
  const left_out = of.stable?.["left-out"] ?? 0;
  const all = writers(of);
  if (settled.length === 0 && all.length === 0) return null;
  return (
    <>
      <h3>Who contributed what</h3>
      <ul class="lanes">
        {settled.length > 0 && (
          <li class="lane settled">
            <div class="lane-head">
              <b>settled</b>
              <div class="dim">every node has it</div>
            </div>
            <ul class="chips">
              {settled.map(({ words, why }) => (
                <li key={words} class={`chip ${why ? "covered" : ""}`}>
                  <span class="what">{short(words, 60)}</span>
                  {why && <span class="why">{why}</span>}
                </li>
              ))}
              {left_out > 0 && <li class="dim">and {count(left_out)} more</li>}
            </ul>
          </li>
        )}
        {all.map((origin) => (
          <Lane key={`${origin.origin} ${origin.incarnation}`} origin={origin} self={self} />
        ))}
      </ul>
    </>
  );
}

function Retries({ of, named, set }: { of: Explanation; named: string; set: (id: string) => void }) {
  const all = retried(of);
  const known = named !== "" && (of.ids ?? []).some((id) => id.id === named);
  if ((of.ids ?? []).length === 0) return null;
  return (
    <>
      <h3>Merged by request id</h3>
      {all.length === 0 ? (
        <p class="dim">
          {plural((of.ids ?? []).length, "request id is", "request ids are")} remembered here; none of them was tried at
          two nodes.
        </p>
      ) : (
        <Table
          caption="Request ids that reached more than one node"
          rows={all}
          key_of={(id) => id.id}
          columns={[
            { name: "request id", cell: (id) => <code>{id_words(id.id)}</code> },
            { name: "reached", cell: (id) => id["merged-from"].map(node_name).join(", ") },
            { name: "counts from", cell: (id) => node_name(id["counted-from"]) },
            { name: "not counted again", number: true, cell: (id) => count(id.suppressed) },
            {
              name: "replies",
              cell: (id) => (id["answered-differently"] ? <Badge kind="warn">differed</Badge> : "the same"),
            },
          ]}
        />
      )}
      <div class="filters">
        <Field
          label="A request id, to find it here"
          hint={
            named === "" || known
              ? "Nodes keep only a hash (#…) of each: name one to see which it is."
              : "It is not among those that are still told apart here."
          }
          value={named}
          set={(id) => set(id.trim())}
          type="search"
        />
      </div>
    </>
  );
}

const words = { agrees: ["good", "the same"], differs: ["warn", "different"], silent: ["bad", "no answer"] } as const;

function Replica({ of, replica, self }: { of: Explanation; replica: ReplicaSays; self: string }) {
  const [kind, text] = words[agreement(of, replica)];
  const value = replica.value ?? null;
  return (
    <li class={`replica ${kind}`}>
      <div>
        <b>{node_name(replica.node)}</b>
        {replica.node === self && <span class="dim"> this node</span>}
      </div>
      <div class="says">
        {replica.answered ? (
          value === null ? (
            <span class="dim">no such key</span>
          ) : (
            <code>{short(value, 80)}</code>
          )
        ) : (
          (replica.why ?? "no answer")
        )}
      </div>
      <div>
        <Badge kind={kind}>{replica.node === self ? "this answer" : text}</Badge>{" "}
        <span class="dim">{replica.node === self ? "" : lag(replica["behind-ms"])}</span>
      </div>
    </li>
  );
}

export function Explain({ name, follows, self }: { name: string; follows: unknown; self: string }) {
  const [named, set] = useState("");
  const query = named === "" ? "" : `?id=${encodeURIComponent(named)}`;
  const asked = useAsked(
    `explain ${name}`,
    (signal) => request<Explanation>("GET", `/v1/explain/${encodeURIComponent(name)}${query}`, { signal }),
    `${follows} ${named}`,
  );
  const of = asked.value;
  return (
    <Card title="Why it has this value">
      {asked.error && <Failed error={asked.error} />}
      {!of && !asked.error && <Loading />}
      {of?.guarantee === "strong" && (
        <p>
          One order of all changes, the log's, decides it: this is what the last of them left, the same at every node.
          Version {count(Number(of.version ?? 0))}, at position {count(Number(of.position ?? 0))} of the log.
        </p>
      )}
      {of?.guarantee === "eventual" && (
        <>
          <ul class="said">
            {sentences(of).map((s) => (
              <li key={s}>{s}</li>
            ))}
          </ul>
          <Sum of={of} />
          <Contributions of={of} self={self} />
          <Retries of={of} named={named} set={set} />
          <h3>What each replica says now</h3>
          <ul class="replicas">
            {(of.replicas ?? []).map((replica) => (
              <Replica key={replica.node} of={of} replica={replica} self={self} />
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}
