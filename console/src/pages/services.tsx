// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { api, type Outcome } from "../api";
import { moment } from "../format";
import { useAsked, useLive, useLogPosition } from "../hooks";
import { Badge, Empty, Failed, Loading } from "../parts/notes";
import { Card, Moment, Page } from "../parts/page";
import { Table } from "../parts/table";
import { link } from "../route";
import type { Service } from "../types";
import { Functions } from "./functions";
import { CreateService, DropService, RotateService } from "./service_forms";

/** So many are asked about one by one. */
const asked_max = 100;

async function all_services(signal: AbortSignal): Promise<Outcome<Service[]>> {
  const names = await api.services(signal);
  if (!names.ok) return names;
  const told = await Promise.all(names.value.slice(0, asked_max).map((name) => api.service(name, signal)));
  const failed = told.find((one) => !one.ok && one.error.status !== 404);
  if (failed && !failed.ok) return failed;
  return { ...names, value: told.flatMap((one) => (one.ok ? [one.value] : [])) };
}

type Form = { is: "create" } | { is: "rotate" | "drop"; name: string };

export function Services() {
  const { state } = useLive();
  const position = useLogPosition();
  const [form, open] = useState<Form | null>(null);
  const services = useAsked("services", all_services, position);
  const all = services.value ?? [];
  const caller = state?.caller;
  const admin = !caller || caller.admin;
  const none = state?.engine?.name === "none";
  return (
    <Page
      title="Services"
      lead="A service is who calls. Each keyspace belongs to one; others call the functions that it published."
      actions={
        admin &&
        !none && (
          <button type="button" class="primary" onClick={() => open({ is: "create" })}>
            Create service
          </button>
        )
      }
    >
      {services.error && <Failed error={services.error} again={services.again} />}
      {!services.value && !services.error && <Loading />}
      {services.value && all.length === 0 && (
        <Empty command="redis-cli SERVICE CREATE root ADMIN">
          No service is declared: this node serves everybody, on loopback alone. From the first one on everybody signs
          in. Let the first one administer:
        </Empty>
      )}
      {all.length > 0 && (
        <Table
          caption="Services"
          rows={all}
          key_of={(s) => s.name}
          class="card"
          columns={[
            { name: "service", cell: (s) => s.name },
            { name: "administers", cell: (s) => (s.admin === "yes" ? <Badge kind="accent">yes</Badge> : "no") },
            {
              name: "owns",
              cell: (s) =>
                s.keyspaces.length === 0 ? (
                  <span class="dim">nothing</span>
                ) : (
                  s.keyspaces.map((k, i) => (
                    <>
                      {i > 0 && ", "}
                      <a key={k} href={link(["keyspaces", k])}>
                        {k}
                      </a>
                    </>
                  ))
                ),
            },
            { name: "created", cell: (s) => <Moment ms={s["created-ms"]} /> },
            {
              name: "former token counts until",
              cell: (s) => (s["former-token-until-ms"] === null ? "–" : moment(s["former-token-until-ms"])),
            },
            {
              name: <span class="spoken">change</span>,
              cell: (s) => (
                <span class="row-buttons">
                  {(admin || caller.service === s.name) && (
                    <button type="button" class="small" onClick={() => open({ is: "rotate", name: s.name })}>
                      Rotate<span class="spoken"> the token of {s.name}</span>
                    </button>
                  )}
                  {admin && (
                    <button type="button" class="small danger" onClick={() => open({ is: "drop", name: s.name })}>
                      Drop<span class="spoken"> {s.name}</span>
                    </button>
                  )}
                </span>
              ),
            },
          ]}
        />
      )}
      <Card title="Functions">
        <Functions follows={position} calls={state?.calls ?? []} />
      </Card>
      {form?.is === "create" && <CreateService first={all.length === 0} close={() => open(null)} />}
      {form?.is === "rotate" && (
        <RotateService name={form.name} own={caller?.service === form.name} close={() => open(null)} />
      )}
      {form?.is === "drop" && <DropService name={form.name} close={() => open(null)} />}
    </Page>
  );
}
