// SPDX-License-Identifier: Apache-2.0
// What to do about an error, by its code (docs/errors.md).
import type { ApiError } from "./api";

const by_code: Record<string, string> = {
  UNAVAILABLE: "Nothing was changed. Try again in a moment, or at another node.",
  BUSY: "Nothing was changed: a limit is reached. Try again later.",
  UNKNOWN: "Nobody knows yet whether it took effect. Try again: the same request id is sent, so it happens once.",
  IDREUSED: "This request id named another operation before. Close this and begin anew.",
  IDEXPIRED: "This page's clock and the node's are too far apart. Set the clock, then begin anew.",
  NOPERM: "Sign in with a service that may do this: the owner, or for the catalog one that administers.",
  WRONGPASS: "Look at the token again. `SERVICE ROTATE` gives another one.",
  UNSUPPORTED: "Use a keyspace with the guarantee that the text names.",
  WRONGTYPE: "The key holds another type now: open it again.",
  STALE: "Ask another replica, or later.",
};

export function advice(error: ApiError): string {
  if (error.kind === "unreachable") return "This page goes on by itself when the node answers again.";
  if (error.status === 412) return "Somebody changed the value meanwhile. Look at it again before you change it.";
  return by_code[error.code] ?? "";
}
