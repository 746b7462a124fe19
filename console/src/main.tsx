// SPDX-License-Identifier: Apache-2.0
import "./theme";

import { render } from "preact";

import { App } from "./app";
import { start_stream } from "./stream";

const root = document.getElementById("app");
if (root) {
  root.textContent = "";
  render(<App />, root);
  start_stream();
}
