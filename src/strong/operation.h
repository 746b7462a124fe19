// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "base/wire.h"
#include "command/table.h"

namespace holdfast::strong {

/// One command as the log carries it. args[0] is the command's name.
struct Call {
  const Row* row = nullptr;
  std::vector<std::string_view> args;
};

/// A watched key and the version it had when it was watched.
struct Watched {
  std::string_view key;
  std::uint64_t version = 0;
};

/// One operation: a command, or the commands of one MULTI, with who sent it
/// and under which request id. Views point into an entry's payload.
struct Operation {
  KeyspaceId keyspace;  // 0: the catalog
  ServiceId caller;
  std::string_view request_id;      // empty: none
  bool transaction = false;         // the reply is an array of the calls' replies
  std::vector<Call> calls;          // one, unless a transaction
  std::vector<Watched> watched;     // transactions only
  Attempt attempt = Attempt::only;  // of a command that waits
  // Of the calls' bytes, so that same id and same fingerprint mean a retry; watched
  // versions and which attempt it is do not count. 0 without a request id.
  std::uint64_t fingerprint = 0;
};

/// Whether the log may carry the command: one that changes a keyspace (number
/// not 0), its ids or, under keyspace 0, the catalog; in a transaction only
/// reads and writes of keys.
bool loggable(const Row& row, KeyspaceId keyspace, bool transaction);

/// Names an append for ever, so that a copy of it that lands again is skipped.
struct AppendName {
  std::uint64_t incarnation = 0;  // drawn at every start of a node
  std::uint64_t counter = 0;      // 1, 2, … within it
};

/// Builds the payload of one entry: docs/formats/strong-entry.md.
class EntryBuilder {
 public:
  /// What one operation is, from views that live for the call. For a plain
  /// command `calls` has one element.
  struct Part {
    const Row* row;
    Args args;
  };
  /// The commands must be loggable() and of right arity, at most
  /// entry_operations_max in all (asserted). An attempt but the only one is of one command
  /// that waits.
  void add(KeyspaceId keyspace, ServiceId caller, std::string_view request_id,
           std::span<const Part> calls, bool transaction, std::span<const Watched> watched,
           Attempt attempt = Attempt::only);
  std::size_t operations() const { return operations_; }
  std::size_t bytes() const { return body_.size(); }
  /// A bound on what the operation adds to bytes().
  static std::size_t bytes_bound(std::string_view request_id, std::span<const Part> calls,
                                 std::span<const Watched> watched);
  /// Takes the first operations out again. `end` is what position() was after
  /// the last of them was added.
  void drop_front(std::size_t operations, std::size_t end);
  /// bytes(), with what was dropped since the last take().
  std::size_t position() const { return body_.size() + dropped_; }
  /// The payload; the builder is empty again.
  std::string take(AppendName name, Instant time);

 private:
  std::string body_;  // with room for the header in front
  std::size_t operations_ = 0;
  std::size_t dropped_ = 0;
  std::size_t last_bytes_ = 0;  // of the payload taken last: the next one's likely size
};

/// Walks an entry's payload.
class EntryReader {
 public:
  /// kCorrupt when the header is no entry's, or of a version this build does not know.
  static Result<EntryReader> open(std::string_view payload);
  AppendName name() const { return name_; }
  Instant time() const { return time_; }
  std::uint64_t operations() const { return operations_; }
  /// Fills `operation` (its vectors are reused). False at the end. Commands
  /// that this build does not know, and malformed bytes, are kCorrupt.
  Result<bool> next(const CommandTable& commands, Operation& operation);

 private:
  explicit EntryReader(std::string_view body) : in_(body) {}
  Status read_call(const CommandTable& commands, const Operation& operation, Call& call);
  wire::Reader in_;
  AppendName name_;
  Instant time_{};
  std::uint64_t operations_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace holdfast::strong
