// SPDX-License-Identifier: Apache-2.0
// What was just done, told once at the foot of the page, to eyes and to screen readers.
import { Store } from "./store";

export const told = new Store<string>("");
let timer = 0;

export function tell(text: string): void {
  clearTimeout(timer);
  told.set(text);
  timer = window.setTimeout(() => told.set(""), 6000);
}
