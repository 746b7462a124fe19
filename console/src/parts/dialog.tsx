// SPDX-License-Identifier: Apache-2.0
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface Props {
  title: string;
  close: () => void;
  children: ComponentChildren;
  wide?: boolean;
}

const tries_max = 60; // frames: a second

/**
 * The browser gives the focus back by itself where it can. Else it takes what lies behind a dialog for out of reach until
 * a frame or some after that is gone; and what had the focus may be gone with what was dropped.
 */
function give_back(was: Element | null, tries = tries_max) {
  if (document.activeElement !== document.body || tries === 0) return;
  const back = was instanceof HTMLElement && was.isConnected ? was : document.querySelector("h1");
  back?.focus({ preventScroll: true });
  requestAnimationFrame(() => give_back(was, tries - 1));
}

/** The browser's own modal dialog: it keeps the focus inside, Esc closes it, and the focus goes back where it was. */
export function Dialog({ title, close, children, wide }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const was = document.activeElement;
    const modal = dialog.current;
    modal?.showModal();
    return () => {
      modal?.close();
      requestAnimationFrame(() => give_back(was));
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "wide" : ""}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <div class="dialog-head">
        <h2 id={id}>{title}</h2>
        <button type="button" class="small" aria-label="Close" onClick={close}>
          ✕
        </button>
      </div>
      {children}
    </dialog>
  );
}
