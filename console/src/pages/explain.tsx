// SPDX-License-Identifier: Apache-2.0
// Why a key has its value: who contributed what, what was merged, and what
// every replica says now.
import { request } from "../api";
import { agreement, lag, line, sentences, sum_of, type Effect, type Explanation, type Origin, type ReplicaSays } from "../explain_model";
import { count, node_name, short } from "../format";
import { useAsked } from "../hooks";
import { Badge, Failed } from "../parts/notes";
import { Card } from "../parts/page";
import { Table } from "../parts/table";

function Chip({ effect }: { effect: Effect }) {
  return (
    <li class={`chip ${effect.covered ? "covered" : ""}`}>
      <span class="what">
        {effect.field ? `${effect.field}: ` : ""}
        {short(effect.what, 40)}
      </span>
      {effect.covered && <span class="why">covered</span>}
      {effect.id && <span class="why">id {short(effect.id, 24)}</span>}
    </li>
  );
}

function Lane({ origin, self }: { origin: Origin; self: string }) {
  const is_self = origin.origin === self;
  return (
    <li class="lane">
      <div class="lane-head">
        <b>{node_name(origin.origin)}</b>
        {is_self && <span class="dim"> this node</span>}
        {origin.position !== undefined && <div class="dim num">up to {count(origin.position)}</div>}
      </div>
      <ul class="chips">
        {origin.effects.map((effect, i) => (
          <Chip key={i} effect={effect} />
        ))}
        {(origin.more ?? 0) > 0 && <li class="dim">and {count(origin.more ?? 0)} more</li>}
      </ul>
      {origin.sum !== undefined && origin.sum !== null && <div class="lane-sum num">{line(origin.sum)}</div>}
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

const words = { agrees: ["good", "the same"], differs: ["warn", "different"], silent: ["bad", "no answer"] } as const;

function Replica({ of, replica, self }: { of: Explanation; replica: ReplicaSays; self: string }) {
  const [kind, text] = words[agreement(of, replica)];
  return (
    <li class={`replica ${kind}`}>
      <div>
        <b>{node_name(replica.node)}</b>
        {replica.node === self && <span class="dim"> this node</span>}
      </div>
      <div class="says">{replica.answered ? <code>{short(line(replica.value), 80)}</code> : (replica.why ?? "no answer")}</div>
      <div>
        <Badge kind={kind}>{text}</Badge> <span class="dim">{replica.node === self ? "" : lag(replica["behind-ms"])}</span>
      </div>
    </li>
  );
}

function Eventual({ of, self }: { of: Explanation; self: string }) {
  const settled = Object.entries(of.stable ?? {}).filter(([, v]) => v !== null && v !== "");
  return (
    <>
      <ul class="said">
        {sentences(of).map((s) => (
          <li key={s}>{s}</li>
        ))}
      </ul>
      <Sum of={of} />
      {((of.origins ?? []).length > 0 || settled.length > 0) && (
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
                  {settled.map(([name, value]) => (
                    <li key={name} class="chip">
                      <span class="what">{short(line(value), 60)}</span>
                      <span class="why">{name}</span>
                    </li>
                  ))}
                </ul>
              </li>
            )}
            {(of.origins ?? []).map((origin) => (
              <Lane key={origin.origin} origin={origin} self={self} />
            ))}
          </ul>
        </>
      )}
      {(of.ids ?? []).length > 0 && (
        <>
          <h3>Merged by request id</h3>
          <Table
            caption="Request ids that reached more than one node"
            rows={of.ids ?? []}
            key_of={(id) => id.id}
            columns={[
              { name: "request id", cell: (id) => <code>{id.id}</code> },
              { name: "reached", cell: (id) => id["merged-from"].join(", ") },
              { name: "counted from", cell: (id) => id["counted-from"] },
              { name: "not counted again", number: true, cell: (id) => count(id.suppressed) },
            ]}
          />
        </>
      )}
      <h3>What each replica says now</h3>
      <ul class="replicas">
        {(of.replicas ?? []).map((replica) => (
          <Replica key={replica.node} of={of} replica={replica} self={self} />
        ))}
      </ul>
    </>
  );
}

export function Explain({ name, follows, self }: { name: string; follows: unknown; self: string }) {
  const asked = useAsked(`explain ${name}`, (signal) => request<Explanation>("GET", `/v1/explain/${encodeURIComponent(name)}`, { signal }), follows);
  const of = asked.value;
  return (
    <Card title="Why it has this value">
      {asked.error && <Failed error={asked.error} />}
      {of && of.replicas && <Eventual of={of} self={self} />}
      {of && !of.replicas && (
        <p>
          {of.order ?? "There is one order of all operations in a strong keyspace; the value is what the last of them left, the same at every node."}
          {of.version !== undefined && ` Its version is ${count(of.version)}.`}
        </p>
      )}
    </Card>
  );
}
