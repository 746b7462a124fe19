// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "command/key_events.h"
#include "command/table.h"
#include "function/library.h"
#include "table/table.h"

namespace holdfast::function {

/// The functions of one keyspace, by the libraries that they came in. One thread.
class Functions {
 public:
  struct Found {
    const Library& library;
    const Published& function;
  };
  /// By the name that its library gave it.
  std::optional<Found> find(std::string_view function) const;
  const Library* library(std::string_view name) const;
  /// By name.
  const std::map<std::string, std::shared_ptr<const Library>, std::less<>>& libraries() const {
    return libraries_;
  }
  bool empty() const { return libraries_.empty(); }

  /// kErr, and nothing changed, where it or one of its functions is there in another; with
  /// `replace` the library of its name goes.
  Status add(std::shared_ptr<const Library> library, bool replace);
  bool remove(std::string_view library);
  void clear() { libraries_.clear(); }

 private:
  std::map<std::string, std::shared_ptr<const Library>, std::less<>> libraries_;
};

/// `accounts.debit` as FCALL has it. Without a keyspace it is `default`'s.
struct Name {
  std::string_view keyspace;
  std::string_view function;
};
Name parse_name(std::string_view text);

/// Whether a service may call it that is not the owner; empty: nobody has signed in.
bool is_for(const Published& function, std::string_view service);

/// What a call runs on, and for whom.
struct Surroundings {
  const CommandTable& commands;
  Table& table;
  Instant now;
  std::uint64_t seed = 0;
  std::string_view caller;
  bool read_only = false;
  /// Whether the key is in the function's keyspace.
  std::function<bool(std::string_view key)> holds;
  /// Runs a write; null: as a strong keyspace does.
  std::function<void(const Row& row, Args args, Reply& reply)> write;
  bool rehearse = false;  // the table is as it was in any case
  /// Takes what a call that ended well tells; null: nobody can be listening.
  MessageSink* messages = nullptr;
  /// What it may spend, with other calls of its transaction; null: a call's limit.
  Work* work = nullptr;
  /// Told of the keys that it changed in a strong keyspace; null: nobody is.
  key_events::Sink* events = nullptr;
};

/// Runs a function: `args` as FCALL's, from the number of keys on.
void call(const Functions::Found& function, Surroundings surroundings, Args args, Reply& reply);

/// FCALL and FCALL_RO: `args` as sent, their count of keys checked by check_call().
/// Where the reply is an error nothing has changed: the function is not there, passed a limit,
/// raised or returned one.
void call(const Functions& functions, Surroundings surroundings, Args args, Reply& reply);

/// kErr where the number of keys is none, or there are fewer.
Status check_call(Args args);

/// FCALL and FCALL_RO.
std::span<const Row> call_rows();

}  // namespace holdfast::function
