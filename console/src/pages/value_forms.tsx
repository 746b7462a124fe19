// SPDX-License-Identifier: Apache-2.0
// Changes of values. Each goes with a request id; see ChangeDialog.
import { useState } from "preact/hooks";

import { api, command } from "../api";
import { ChangeDialog, Field } from "../parts/form";
import { go, link } from "../route";

export function NewKey({ keyspace, close }: { keyspace: string; close: () => void }) {
  const prefix = keyspace === "default" ? "" : `${keyspace}:`;
  const [key, set_key] = useState(prefix);
  const [type, set_type] = useState("string");
  const [field, set_field] = useState("");
  const [value, set_value] = useState("");
  const [score, set_score] = useState("0");
  const words =
    {
      string: ["SET", key, value],
      hash: ["HSET", key, field, value],
      set: ["SADD", key, value],
      zset: ["ZADD", key, score, value],
      list: ["RPUSH", key, value],
    }[type] ?? [];
  return (
    <ChangeDialog
      title="New key"
      verb="Set"
      did={`Set ${key}`}
      ready={key !== "" && key !== prefix && (type !== "hash" || field !== "") && (type !== "zset" || number.test(score))}
      intent={JSON.stringify(words)}
      send={(id) => command(words, { id })}
      close={close}
      done={() => go(link(["key", key]))}
    >
      <Field label="Key" value={key} set={set_key} required focus />
      <Field
        label="Type"
        value={type}
        set={set_type}
        options={[
          ["string", "string, or a counter where it is a number"],
          ["hash", "hash: fields with values"],
          ["set", "set: members, each once"],
          ["zset", "sorted set: members by score"],
          ["list", "list: items in their order, in strong keyspaces"],
        ]}
      />
      {type === "hash" && <Field label="Field" value={field} set={set_field} required />}
      {type === "zset" && <Field label="Score" value={score} set={set_score} required />}
      <Field
        label={type === "set" || type === "zset" ? "Member" : "Value"}
        value={value}
        set={set_value}
        rows={type === "string" ? 4 : 2}
      />
    </ChangeDialog>
  );
}

interface StringProps {
  name: string;
  text: string;
  /** Strong: the change is made only if this is still the version. */
  version: number | null;
  expires_in_ms: number | null;
  close: () => void;
}

export function EditString({ name, text, version, expires_in_ms, close }: StringProps) {
  const [was] = useState({ text, version });
  const [value, set] = useState(text);
  const keep = expires_in_ms !== null ? { px: Math.max(1, Math.round(expires_in_ms)) } : {};
  const etag = was.version !== null ? `"${was.version}"` : null;
  return (
    <ChangeDialog
      title={`Edit ${name}`}
      verb="Save"
      did={`Saved ${name}`}
      ready={value !== was.text}
      intent={`put ${name} ${etag} ${value}`}
      send={(id) => api.put_value(name, value, { id, etag, ...keep })}
      close={close}
    >
      <Field label="Value" value={value} set={set} rows={8} focus />
      <p class="hint">
        {etag
          ? `Saved only if the value still has version ${was.version}: what somebody else wrote meanwhile is not lost.`
          : "In an eventual keyspace the last writer wins: another node may have written meanwhile."}
        {expires_in_ms !== null && " Its expiry stays."}
      </p>
    </ChangeDialog>
  );
}

export function AddNumber({ name, field, close }: { name: string; field?: string; close: () => void }) {
  const [by, set] = useState("1");
  const words = field === undefined ? ["INCRBY", name, by] : ["HINCRBY", name, field, by];
  return (
    <ChangeDialog
      title={`Add to ${field === undefined ? name : `${name}, field ${field}`}`}
      verb="Add"
      did={`Added ${by} to ${field ?? name}`}
      ready={/^-?\d+$/.test(by)}
      intent={JSON.stringify(words)}
      send={(id) => command(words, { id })}
      close={close}
    >
      <Field label="Number" hint="Below zero to take away." value={by} set={set} required focus />
    </ChangeDialog>
  );
}

export function SetField({
  name,
  field: given,
  value: was,
  close,
}: {
  name: string;
  field?: string;
  value?: string;
  close: () => void;
}) {
  const [field, set_field] = useState(given ?? "");
  const [value, set] = useState(was ?? "");
  return (
    <ChangeDialog
      title={given === undefined ? `Add a field to ${name}` : `Edit field ${given}`}
      verb="Save"
      did={`Saved field ${field}`}
      ready={field !== "" && (given === undefined || value !== was)}
      intent={JSON.stringify(["HSET", name, field, value])}
      send={(id) => command(["HSET", name, field, value], { id })}
      close={close}
    >
      {given === undefined && <Field label="Field" value={field} set={set_field} required focus />}
      <Field label="Value" value={value} set={set} rows={3} focus={given !== undefined} />
    </ChangeDialog>
  );
}

export function AddMember({ name, close }: { name: string; close: () => void }) {
  const [member, set] = useState("");
  return (
    <ChangeDialog
      title={`Add a member to ${name}`}
      verb="Add"
      did={`Added ${member}`}
      ready={member !== ""}
      intent={JSON.stringify(["SADD", name, member])}
      send={(id) => command(["SADD", name, member], { id })}
      close={close}
    >
      <Field label="Member" value={member} set={set} required focus />
    </ChangeDialog>
  );
}

export function AddItem({ name, close }: { name: string; close: () => void }) {
  const [item, set] = useState("");
  const [end, set_end] = useState("RPUSH");
  return (
    <ChangeDialog
      title={`Add an item to ${name}`}
      verb="Add"
      did={`Added ${item}`}
      ready={true}
      intent={JSON.stringify([end, name, item])}
      send={(id) => command([end, name, item], { id })}
      close={close}
    >
      <Field label="Item" value={item} set={set} rows={2} focus />
      <Field
        label="Where"
        value={end}
        set={set_end}
        options={[
          ["RPUSH", "behind the last"],
          ["LPUSH", "in front of the first"],
        ]}
      />
    </ChangeDialog>
  );
}

const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?inf$/i;

export function SetScore({
  name,
  member: given,
  score: was,
  close,
}: {
  name: string;
  member?: string;
  score?: string;
  close: () => void;
}) {
  const [member, set_member] = useState(given ?? "");
  const [score, set_score] = useState(was ?? "0");
  return (
    <ChangeDialog
      title={given === undefined ? `Add a member to ${name}` : `Edit the score of ${given}`}
      verb="Save"
      did={`Saved ${member} with score ${score}`}
      ready={member !== "" && number.test(score) && (given === undefined || score !== was)}
      intent={JSON.stringify(["ZADD", name, score, member])}
      send={(id) => command(["ZADD", name, score, member], { id })}
      close={close}
    >
      {given === undefined && <Field label="Member" value={member} set={set_member} required focus />}
      <Field label="Score" value={score} set={set_score} required focus={given !== undefined} />
    </ChangeDialog>
  );
}

/** Of a key, a field or a member. */
export function Remove({
  what,
  words,
  close,
  done,
}: {
  what: string;
  words: string[];
  close: () => void;
  done?: () => void;
}) {
  return (
    <ChangeDialog
      title={`Remove ${what}?`}
      verb="Remove"
      did={`Removed ${what}`}
      danger
      intent={JSON.stringify(words)}
      send={(id) => command(words, { id })}
      close={close}
      {...(done ? { done } : {})}
    >
      <p>This cannot be taken back.</p>
      <p class="hint">
        <code>{words.join(" ")}</code>
      </p>
    </ChangeDialog>
  );
}
