// SPDX-License-Identifier: Apache-2.0
// Values are bytes. What is text is shown and edited as text, all else as hex.

export interface Bytes {
  bytes: Uint8Array;
  /** Null where the bytes are no UTF-8, or would not come back the same. */
  text: string | null;
}

export function from_base64(base64: string): Bytes {
  const raw = atob(base64);
  const all = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) all[i] = raw.charCodeAt(i);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(all);
    // eslint-disable-next-line no-control-regex
    return { bytes: all, text: /[\u0000-\u0008\u000e-\u001f]/.test(text) ? null : text };
  } catch {
    return { bytes: all, text: null };
  }
}

/** Offset, hex and letters, as `hexdump -C` writes them. */
export function hex_dump(bytes: Uint8Array, most = 4096): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const row = bytes.subarray(at, Math.min(at + 16, most));
    const hex = [...row].map((b) => b.toString(16).padStart(2, "0")).join(" ");
    const letters = [...row].map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${letters}`);
  }
  if (bytes.length > most) lines.push(`… ${bytes.length - most} bytes more`);
  return lines.join("\n");
}

/** A set or hash's element in one line: text as it is, bytes as \x.. */
export function shown(value: Bytes): string {
  return (
    value.text ??
    [...value.bytes]
      .map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : `\\x${b.toString(16).padStart(2, "0")}`))
      .join("")
  );
}
