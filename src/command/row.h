// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/reply.h"
#include "base/units.h"
#include "command/effect.h"
#include "command/messages.h"
#include "table/table.h"

namespace holdfast {

class IdTable;

namespace server {
class Session;  // named only, so that a row can point at a session's command
}
struct CatalogContext;  // likewise, from catalog/
namespace node {
class Node;  // likewise, from node/
}
namespace workflow {
struct Context;  // likewise, from workflow/
}

/// A command's arguments, its name first.
using Args = std::span<const std::string_view>;

/// How a command that waits for something to take is run (Row::waits). It never waits itself:
/// whoever runs it tries again.
enum class Attempt : std::uint8_t {
  only,       // nothing to take is the outcome: in transactions and functions
  first,      // nothing to take is none: the caller waits
  again,      // likewise, on a change; keys of another type by now are passed over
  last,       // as again, but nothing to take is the outcome: the time is over
  unblocked,  // likewise, told as an error: somebody has ended the wait
};

/// What a strong write runs on. Deterministic: the time is the entry's, the
/// seed comes from the position.
struct Context {
  Table& table;
  Instant now;
  std::uint64_t seed = 0;
  MessageSink* messages = nullptr;  // null: nobody can be listening
  Attempt attempt = Attempt::only;
};

/// What an eventual write decides its effects on: it reads the table, it
/// changes it only through the sink.
struct EventualContext {
  Table& table;
  Instant now;
  EffectSink& effects;
  bool alone = false;               // no other replica: no operation is concurrent with another
  MessageSink* messages = nullptr;  // null: nobody can be listening
};

/// What OUTCOME and VOID run on: what a keyspace remembers of request ids.
struct IdContext {
  IdTable& ids;
  ServiceId caller;
  Instant now;
};

using IdFunction = void (*)(IdContext&, Args, Reply&);
using WriteFunction = void (*)(Context&, Args, Reply&);
using ReadFunction = void (*)(Table&, Instant now, Args, Reply&);
using UnchangedFunction = bool (*)(Table&, Instant now, Args, Reply&);
using EffectFunction = void (*)(EventualContext&, Args, Reply&);
using SessionFunction = void (*)(server::Session&, Args, Reply&);
using CatalogFunction = void (*)(CatalogContext&, Args, Reply&);
using WorkflowFunction = void (*)(workflow::Context&, Args, Reply&);
using NodeFunction = void (*)(node::Node&, ServiceId caller, Args, Reply&);

enum class Access : std::uint8_t {
  read,      // of one keyspace's keys
  write,     // of one keyspace's keys
  ids,       // of what one keyspace remembers of a request id: name, id, keyspace
  catalog,   // changes or shows the catalog
  session,   // about the connection
  node,      // about all keyspaces or the node as a whole: DBSIZE, SCAN, INFO
  wrapper,   // carries another command: ONCE, LOCAL, …
  function,  // runs a function of one keyspace: name, function, number of keys, …
  workflow,  // changes or shows workflows and their runs
  message,   // tells who listens: by itself of this moment, in a transaction or function, or with
             // a request id, a part of the operation
};

/// Where the keys are among the arguments, as Redis counts: the name is 0,
/// a negative last counts from the end. first 0: no keys, unless count_at says
/// which argument is the number of keys that follow it (SINTERCARD); with both,
/// `first` is one key more (ZUNIONSTORE's destination). SORT's options name keys, too.
struct KeySpec {
  int first = 0;
  int last = 0;
  int step = 1;
  int count_at = 0;
  bool among_options = false;  // one more behind the word STORE; patterns of keys behind BY and GET
};
inline constexpr KeySpec no_keys{};
inline constexpr KeySpec first_key{1, 1, 1};
inline constexpr KeySpec all_keys{1, -1, 1};
inline constexpr KeySpec every_other_key{1, -1, 2};
inline constexpr KeySpec second_key{2, 2, 1};  // a subcommand's
inline constexpr KeySpec counted_keys{0, 0, 0, 1};
inline constexpr KeySpec one_and_counted_keys{1, 1, 1, 2};

/// Of a write that waits for something to take: its function answers null where there is nothing,
/// having changed nothing, and its row has `unchanged`.
struct Waits {
  int timeout_at = 0;        // the argument; negative counts from the end; 0: it does not wait
  Type type = Type::string;  // of what it takes from
  bool at_first_key_only = false;  // the others are where it puts something
};

/// Redis' command flags that clients read.
enum Flags : std::uint32_t {
  flag_none = 0,
  flag_fast = 1 << 0,
  flag_denyoom = 1 << 1,  // may grow memory: refused over the limit
  flag_noscript = 1 << 2,
  flag_loading = 1 << 3,
  flag_no_auth = 1 << 4,  // allowed before signing in
  flag_no_multi = 1 << 5,
  flag_admin = 1 << 6,
  flag_write_ids = 1 << 8,        // Access::ids: changes (VOID), so it is logged; strong only
  flag_write_catalog = 1 << 9,    // Access::catalog, workflow: changes, so it is logged
  flag_immediate = 1 << 7,        // session: needs no earlier command of the connection to be done
  flag_flat_pairs = 1 << 10,      // RESP2 sees the reply's array of pairs as one flat array
  flag_of_keyspace = 1 << 12,     // Access::catalog: argument 2 names a keyspace; of an eventual
                                  // one this node says what it knows, cut off or not
  flag_read_only = 1 << 13,       // Access::function: runs only what changes nothing
  flag_anywhere = 1 << 16,        // Access::session: means the same on any connection
  flag_strong_only = 1 << 17,     // Access::read: UNSUPPORTED in eventual keyspaces
  flag_pubsub = 1 << 18,          // of publish and subscribe
  flag_subscribed = 1 << 19,      // a RESP2 connection that has subscribed may use it
  flag_script = 1 << 14,          // Access::function: argument 1 is a script, not a name,
  flag_script_by_sha1 = 1 << 15,  // or names one
  flag_internal = 1 << 11,        // nodes append it themselves; no client can name it
};

/// One command: everything the product knows about it. COMMAND's output, the
/// documentation, key extraction and what eventual keyspaces refuse all come
/// from here.
struct Row {
  std::string_view name;   // upper case; a subcommand is "CLIENT LIST"
  std::uint16_t code = 0;  // stable and never reused: it is in logs. 0 for what is never logged.
  int arity = 0;           // as Redis: counts the name; negative means at least
  KeySpec keys;
  Access access = Access::read;
  std::uint32_t flags = 0;
  ReadFunction read = nullptr;  // or `node`, where it tells more than a table knows (EXPLAIN);
                                // such a one is no part of a transaction or function.
                                // Of Access::session: what it answers within a transaction; null:
                                // it is no part of one
  WriteFunction strong = nullptr;
  /// Of a write that often finds nothing to do: whether, run now, it would
  /// change nothing; then it has written the reply. Saves the log an entry.
  UnchangedFunction unchanged = nullptr;
  Waits waits;
  EffectFunction eventual = nullptr;  // a write without one is UNSUPPORTED there
  IdFunction ids = nullptr;           // with flag_write_ids it goes through the log
  SessionFunction session = nullptr;
  CatalogFunction catalog = nullptr;
  NodeFunction node = nullptr;
  WorkflowFunction workflow = nullptr;
  std::string_view group;   // "string", "hash", …
  std::string_view since;   // ours
  std::string_view syntax;  // arguments, as in Redis' documentation
  std::string_view summary;
  std::string_view complexity;
  std::string_view on_eventual;  // its meaning there, or why there is none
  /// Of a write: what keyspace events call it; empty: by its name, in lower case.
  std::string_view event;

  /// Its second argument is a field of a hash or a member of a set, mostly: for hints.
  bool has_items() const { return group == "hash" || group == "set"; }
};

}  // namespace holdfast
