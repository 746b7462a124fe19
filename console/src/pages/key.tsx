// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { bytes, count, duration, plural } from "../format";
import { useAsked, useLive, useLogPosition } from "../hooks";
import { keyspace_of, read_key, shown_bytes_max, type Value } from "../keys";
import { Long } from "../parts/long";
import { Empty, Failed, Loading } from "../parts/notes";
import { Card, Facts, Page } from "../parts/page";
import { Table } from "../parts/table";
import { link } from "../route";
import { hex_dump, shown } from "../utf8";
import { Explain } from "./explain";
import { GuaranteeBadge } from "./keyspaces";
import { AddItem, AddMember, AddNumber, EditString, Remove, SetField, SetScore } from "./value_forms";

type Form =
  | { is: "edit" | "add" | "add-field" | "add-member" | "add-scored" | "add-item" | "remove" }
  | { is: "edit-field" | "add-to-field" | "edit-score"; field: string; value: string }
  | { is: "remove-field" | "remove-member" | "remove-scored" | "remove-item"; element: string };

const integer = /^-?\d{1,19}$/;

function StringValue({ value, open }: { value: Value & { type: "string" }; open: (form: Form) => void }) {
  const { text } = value.value;
  const whole = value.size <= shown_bytes_max;
  return (
    <>
      {text === null ? (
        <pre class="value">{hex_dump(value.value.bytes)}</pre>
      ) : (
        <pre class="value">{text === "" ? <span class="dim">(empty)</span> : text}</pre>
      )}
      {!whole && (
        <p class="dim">
          The first {bytes(shown_bytes_max)} of {bytes(value.size)}.
        </p>
      )}
      <div class="buttons">
        {text !== null && whole && (
          <button type="button" onClick={() => open({ is: "edit" })}>
            Edit
          </button>
        )}
        {text !== null && integer.test(text) && (
          <button type="button" onClick={() => open({ is: "add" })}>
            Add to it
          </button>
        )}
      </div>
    </>
  );
}

function HashValue({ value, open }: { value: Value & { type: "hash" }; open: (form: Form) => void }) {
  return (
    <>
      <Table
        caption="Fields"
        rows={value.fields}
        key_of={([field]) => shown(field)}
        columns={[
          { name: "field", cell: ([field]) => <code>{shown(field)}</code> },
          { name: "value", cell: ([, v]) => <Long text={shown(v)} /> },
          {
            name: <span class="spoken">change</span>,
            cell: ([{ text: field }, { text }]) =>
              field !== null && (
                <span class="row-buttons">
                  {text !== null && (
                    <button type="button" class="small" onClick={() => open({ is: "edit-field", field, value: text })}>
                      Edit<span class="spoken"> field {field}</span>
                    </button>
                  )}
                  {text !== null && integer.test(text) && (
                    <button
                      type="button"
                      class="small"
                      onClick={() => open({ is: "add-to-field", field, value: text })}
                    >
                      Add<span class="spoken"> to field {field}</span>
                    </button>
                  )}
                  <button
                    type="button"
                    class="small danger"
                    onClick={() => open({ is: "remove-field", element: field })}
                  >
                    Remove<span class="spoken"> field {field}</span>
                  </button>
                </span>
              ),
          },
        ]}
      />
      <More shown={value.fields.length} of={value.size} what="field" />
      <div class="buttons">
        <button type="button" onClick={() => open({ is: "add-field" })}>
          Add a field
        </button>
      </div>
    </>
  );
}

function SetValue({ value, open }: { value: Value & { type: "set" }; open: (form: Form) => void }) {
  return (
    <>
      <Table
        caption="Members"
        rows={value.members}
        key_of={shown}
        columns={[
          { name: "member", cell: (m) => <Long text={shown(m)} /> },
          {
            name: <span class="spoken">change</span>,
            cell: ({ text }) =>
              text !== null && (
                <span class="row-buttons">
                  <button
                    type="button"
                    class="small danger"
                    onClick={() => open({ is: "remove-member", element: text })}
                  >
                    Remove<span class="spoken"> member {text}</span>
                  </button>
                </span>
              ),
          },
        ]}
      />
      <More shown={value.members.length} of={value.size} what="member" />
      <div class="buttons">
        <button type="button" onClick={() => open({ is: "add-member" })}>
          Add a member
        </button>
      </div>
    </>
  );
}

/** Lowest first. */
function SortedSetValue({ value, open }: { value: Value & { type: "zset" }; open: (form: Form) => void }) {
  return (
    <>
      <Table
        caption="Members by score"
        rows={value.scored}
        key_of={([member]) => shown(member)}
        columns={[
          { name: "member", cell: ([member]) => <Long text={shown(member)} /> },
          { name: "score", number: true, cell: ([, score]) => score },
          {
            name: <span class="spoken">change</span>,
            cell: ([{ text }, score]) =>
              text !== null && (
                <span class="row-buttons">
                  <button type="button" class="small" onClick={() => open({ is: "edit-score", field: text, value: score })}>
                    Edit<span class="spoken"> the score of {text}</span>
                  </button>
                  <button
                    type="button"
                    class="small danger"
                    onClick={() => open({ is: "remove-scored", element: text })}
                  >
                    Remove<span class="spoken"> member {text}</span>
                  </button>
                </span>
              ),
          },
        ]}
      />
      <More shown={value.scored.length} of={value.size} what="member" />
      <div class="buttons">
        <button type="button" onClick={() => open({ is: "add-scored" })}>
          Add a member
        </button>
      </div>
    </>
  );
}

/** The first one first. An index may be another item's by the time of a change: items are removed by what they are. */
function ListValue({ value, open }: { value: Value & { type: "list" }; open: (form: Form) => void }) {
  return (
    <>
      <Table
        caption="Items"
        rows={value.items.map((item, index) => ({ item, index }))}
        key_of={({ index }) => String(index)}
        columns={[
          { name: "index", number: true, header: false, cell: ({ index }) => count(index) },
          { name: "item", header: true, cell: ({ item }) => <Long text={shown(item)} /> },
          {
            name: <span class="spoken">change</span>,
            cell: ({ item: { text } }) =>
              text !== null && (
                <span class="row-buttons">
                  <button type="button" class="small danger" onClick={() => open({ is: "remove-item", element: text })}>
                    Remove<span class="spoken"> item {text}</span>
                  </button>
                </span>
              ),
          },
        ]}
      />
      <More shown={value.items.length} of={value.size} what="item" />
      <div class="buttons">
        <button type="button" onClick={() => open({ is: "add-item" })}>
          Add an item
        </button>
      </div>
    </>
  );
}

function More({ shown: there, of, what }: { shown: number; of: number; what: string }) {
  return <p class="dim">{there < of ? `${count(there)} of ${plural(of, what)} are shown.` : plural(of, what)}</p>;
}

export function KeyPage({ name }: { name: string }) {
  const { state, tick } = useLive();
  const position = useLogPosition();
  const [form, open] = useState<Form | null>(null);
  const [changes, changed] = useState(0);
  const all = state?.keyspaces ?? [];
  const keyspace = keyspace_of(
    name,
    all.map((k) => k.name),
  );
  const of = all.find((k) => k.name === keyspace);
  const eventual = of?.guarantee === "eventual";
  const facts = useAsked(
    `${name}\n${of?.guarantee}`,
    (signal) => read_key(name, of, signal),
    eventual ? tick : position,
  );
  const close = () => {
    open(null);
    facts.again(); // what was refused may have been for something newer
    changed((n) => n + 1);
  };
  const { value, error } = facts;
  const text = value?.value.type === "string" ? value.value.value.text : null;
  return (
    <Page
      title={name}
      above={{ href: link(["data", keyspace]), text: `Data of ${keyspace}` }}
      actions={
        value &&
        value.value.type !== "none" && (
          <button type="button" class="danger" onClick={() => open({ is: "remove" })}>
            Remove
          </button>
        )
      }
    >
      {error && <Failed error={error} again={facts.again} />}
      {!value && !error && <Loading />}
      {value?.value.type === "none" && (
        <Empty command={`redis-cli SET ${name} …`}>
          There is no such key now. It was never written, was removed, or has expired.{" "}
          <a href={link(["data", keyspace])}>See the keys of {keyspace}</a>, or write it:
        </Empty>
      )}
      {value && value.value.type !== "none" && (
        <div class="columns wide-first">
          <Card title="Value">
            {value.value.type === "string" && <StringValue value={value.value} open={open} />}
            {value.value.type === "hash" && <HashValue value={value.value} open={open} />}
            {value.value.type === "set" && <SetValue value={value.value} open={open} />}
            {value.value.type === "zset" && <SortedSetValue value={value.value} open={open} />}
            {value.value.type === "list" && <ListValue value={value.value} open={open} />}
            {value.value.type === "other" && <p>This console does not show type {value.value.name}.</p>}
          </Card>
          <Card title="About it">
            <Facts
              of={[
                ["type", value.value.type],
                ["keyspace", <a href={link(["keyspaces", keyspace])}>{keyspace}</a>],
                ["guarantee", of ? <GuaranteeBadge of={of.guarantee} /> : "–"],
                ["expires", value.expires_in_ms === null ? "never" : `in ${duration(value.expires_in_ms)}`],
                ...(value.version !== null ? ([["version", count(value.version)]] as [string, string][]) : []),
                ...(value.memory_bytes !== null ? ([["memory", bytes(value.memory_bytes)]] as [string, string][]) : []),
              ]}
            />
          </Card>
        </div>
      )}
      {value && of && (eventual || value.value.type !== "none") && (
        <Explain name={name} follows={`${eventual ? tick : position} ${changes}`} self={state?.node.id ?? ""} />
      )}

      {form?.is === "edit" && text !== null && (
        <EditString
          name={name}
          text={text}
          version={value?.version ?? null}
          expires_in_ms={value?.expires_in_ms ?? null}
          close={close}
        />
      )}
      {form?.is === "add" && <AddNumber name={name} close={close} />}
      {form?.is === "add-field" && <SetField name={name} close={close} />}
      {form?.is === "edit-field" && <SetField name={name} field={form.field} value={form.value} close={close} />}
      {form?.is === "add-to-field" && <AddNumber name={name} field={form.field} close={close} />}
      {form?.is === "add-member" && <AddMember name={name} close={close} />}
      {form?.is === "add-scored" && <SetScore name={name} close={close} />}
      {form?.is === "add-item" && <AddItem name={name} close={close} />}
      {form?.is === "edit-score" && <SetScore name={name} member={form.field} score={form.value} close={close} />}
      {form?.is === "remove" && <Remove what={name} words={["DEL", name]} close={close} />}
      {form?.is === "remove-field" && (
        <Remove what={`field ${form.element}`} words={["HDEL", name, form.element]} close={close} />
      )}
      {form?.is === "remove-member" && (
        <Remove what={`member ${form.element}`} words={["SREM", name, form.element]} close={close} />
      )}
      {form?.is === "remove-scored" && (
        <Remove what={`member ${form.element}`} words={["ZREM", name, form.element]} close={close} />
      )}
      {form?.is === "remove-item" && (
        <Remove what={`the first item ${form.element}`} words={["LREM", name, "1", form.element]} close={close} />
      )}
    </Page>
  );
}
