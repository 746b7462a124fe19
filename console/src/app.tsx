// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "preact/hooks";

import { clock, node_name } from "./format";
import { useLive, useRoute, useStore } from "./hooks";
import { Data } from "./pages/data";
import { KeyPage } from "./pages/key";
import { KeyspacePage } from "./pages/keyspace";
import { Keyspaces } from "./pages/keyspaces";
import { Overview } from "./pages/overview";
import { RunPage } from "./pages/run";
import { Services } from "./pages/services";
import { Settings } from "./pages/settings";
import { SignIn } from "./pages/sign_in";
import { SlowPage } from "./pages/slow";
import { Workflows } from "./pages/workflows";
import { Page } from "./parts/page";
import type { Route } from "./route";
import type { Status } from "./store";
import { ask_now } from "./stream";
import { set_theme, theme, themes } from "./theme";
import { told } from "./told";

const pages: [path: string, says: string][] = [
  ["", "Overview"],
  ["keyspaces", "Keyspaces"],
  ["data", "Data"],
  ["services", "Services"],
  ["workflows", "Workflows"],
  ["slow", "Slow commands"],
  ["settings", "Settings"],
];
/** Pages that lie below another one in the list. */
const below: Record<string, string> = { key: "data", run: "workflows" };

function Shown({ route }: { route: Route }) {
  const [page = "", name] = route.parts;
  if (page === "") return <Overview />;
  if (page === "keyspaces") return name === undefined ? <Keyspaces /> : <KeyspacePage name={name} />;
  if (page === "data") return <Data keyspace={name ?? ""} query={route.query} />;
  if (page === "key" && name !== undefined) return <KeyPage name={name} />;
  if (page === "services") return <Services />;
  if (page === "workflows") return <Workflows query={route.query} />;
  if (page === "run" && name !== undefined) return <RunPage run={name} />;
  if (page === "slow") return <SlowPage />;
  if (page === "settings") return <Settings />;
  return (
    <Page title="No such page">
      <p>
        There is nothing at <code>{location.hash}</code>. <a href="#/">Go to the overview</a>.
      </p>
    </Page>
  );
}

function Lost({ status }: { status: Status & { is: "lost" } }) {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const wait = Math.max(0, Math.ceil((status.again_ms - now) / 1000));
  return (
    <div class="banner" role="alert">
      <p>
        <strong>{status.why}</strong> What you see is from {clock(status.since_ms)}. This page goes on by itself when
        the node is back.
      </p>
      <p>
        {/* Not read out every second. */}
        <span aria-hidden="true" class="num">
          {wait > 0 ? `Asked again in ${wait} s` : "Asking …"}
        </span>{" "}
        <button type="button" class="small" onClick={ask_now}>
          Ask now
        </button>
      </p>
    </div>
  );
}

function Pill({ status }: { status: Status }) {
  const [kind, text] =
    status.is === "live"
      ? ["good", "live"]
      : status.is === "lost"
        ? ["bad", "not answering"]
        : ["quiet", status.is === "sign-in" ? "signed out" : "connecting"];
  return (
    <span class={`pill ${kind}`}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

function Side({ route }: { route: Route }) {
  const { status, state } = useLive();
  const chosen = useStore(theme);
  const here = below[route.parts[0] ?? ""] ?? route.parts[0] ?? "";
  const next = themes[(themes.indexOf(chosen) + 1) % themes.length] ?? "system";
  return (
    <header class="side">
      <div class="brand">
        <a href="#/" class="name">
          Holdfast
        </a>
        <Pill status={status} />
      </div>
      <nav aria-label="Pages">
        <ul>
          {pages.map(([path, says]) => (
            <li key={path}>
              <a href={`#/${path}`} {...(here === path ? { "aria-current": "page" as const } : {})}>
                {says}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div class="foot">
        {state && (
          <p>
            <b>{node_name(state.node.id)}</b>
            {state.caller?.service && (
              <>
                {" · "}
                <b>{state.caller.service}</b>
              </>
            )}
          </p>
        )}
        <button type="button" class="small" onClick={() => set_theme(next)}>
          Theme: {chosen}
          <span class="spoken">, change to {next}</span>
        </button>
      </div>
    </header>
  );
}

export function App() {
  const route = useRoute();
  const { status } = useLive();
  const said = useStore(told);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault(); // the address is the page's
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the page
      </a>
      <Side route={route} />
      <main id="main" tabIndex={-1}>
        {status.is === "lost" && <Lost status={status} />}
        {status.is === "sign-in" ? <SignIn /> : <Shown route={route} />}
      </main>
      <div class="told" role="status">
        {said && <p>{said}</p>}
      </div>
    </>
  );
}
