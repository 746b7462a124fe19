// SPDX-License-Identifier: Apache-2.0
// The token lives as long as the tab: sessionStorage is neither shared with
// other tabs nor written down when the browser ends.
const name = "holdfast-token";
let kept: string | null = null;

export function token(): string | null {
  if (kept === null) {
    try {
      kept = sessionStorage.getItem(name) ?? "";
    } catch {
      kept = ""; // storage is switched off: the token lives as long as the page
    }
  }
  return kept || null;
}

export function keep_token(value: string): void {
  kept = value;
  try {
    sessionStorage.setItem(name, value);
  } catch {
    // as above
  }
}

export function forget_token(): void {
  kept = "";
  try {
    sessionStorage.removeItem(name);
  } catch {
    // as above
  }
}
