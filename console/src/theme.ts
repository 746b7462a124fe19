// SPDX-License-Identifier: Apache-2.0
import { Store } from "./store";

export type Theme = "system" | "light" | "dark";
export const themes: readonly Theme[] = ["system", "light", "dark"];
const name = "holdfast-theme";

function kept(): Theme {
  try {
    const value = localStorage.getItem(name);
    return themes.find((t) => t === value) ?? "system";
  } catch {
    return "system"; // storage is switched off
  }
}

export const theme = new Store<Theme>(kept());

/** The style sheet follows the system unless this attribute says otherwise. */
function show(value: Theme): void {
  if (value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = value;
}

export function set_theme(value: Theme): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // as above
  }
  show(value);
  theme.set(value);
}

show(theme.get());
