// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

/** Over plain HTTP beyond loopback there is no clipboard: then the text is selected. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [told, set] = useState("");
  const copy = async () => {
    set((await copied(text)) ? "Copied" : "Select it and copy by hand");
    setTimeout(() => set(""), 2500);
  };
  return (
    <>
      <button type="button" class="small" onClick={copy}>
        Copy<span class="spoken"> {what}</span>
      </button>
      <span class="dim" role="status">
        {told}
      </span>
    </>
  );
}
