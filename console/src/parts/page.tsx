// SPDX-License-Identifier: Apache-2.0
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { moment } from "../format";

interface Props {
  title: string;
  /** Above the title: where this page lies. */
  above?: { href: string; text: string };
  lead?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

let first = true;

export function Page({ title, above, lead, actions, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Holdfast`;
    // Another page in the same document: who listens to it is told by the focus.
    if (!first) heading.current?.focus({ preventScroll: true });
    if (!first) window.scrollTo(0, 0);
    first = false;
  }, [title]);
  return (
    <>
      <div class="page-head">
        <div>
          {above && (
            <p class="above">
              <a href={above.href}>{above.text}</a>
            </p>
          )}
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
        </div>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {lead && <p class="lead">{lead}</p>}
      {children}
    </>
  );
}

export function Card({
  title,
  children,
  actions,
  id,
}: {
  title?: ComponentChildren;
  children: ComponentChildren;
  actions?: ComponentChildren;
  id?: string;
}) {
  return (
    <section class="card" {...(id ? { id } : {})}>
      {(title || actions) && (
        <div class="card-head">
          {title && <h2>{title}</h2>}
          {actions && <div class="actions">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

/** A date and time, in one piece. */
export function Moment({ ms }: { ms: number }) {
  return (
    <time class="nowrap" dateTime={new Date(ms).toISOString()}>
      {moment(ms)}
    </time>
  );
}

/** Names and their values, below one another or `across`. */
export function Facts({ of, across }: { of: [ComponentChildren, ComponentChildren][]; across?: boolean }) {
  return (
    <dl class={across ? "facts across" : "facts"}>
      {of.map(([name, value], i) => (
        <div key={i}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
