// SPDX-License-Identifier: Apache-2.0
// Server-sent events, as far as a node sends them: `event`, `data` and `retry`
// lines, an empty line behind each event. EventSource cannot send a token.

export interface ServerEvent {
  event: string;
  data: string;
}

/** Takes text as it comes and answers the events that are whole. */
export class EventReader {
  #rest = "";
  #event = "";
  #data: string[] = [];

  take(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") {
        this.#line(line);
        continue;
      }
      if (this.#data.length > 0) events.push({ event: this.#event || "message", data: this.#data.join("\n") });
      this.#event = "";
      this.#data = [];
    }
    return events;
  }

  #line(line: string): void {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    if (field === "data") this.#data.push(value);
  }
}
