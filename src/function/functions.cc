// SPDX-License-Identifier: Apache-2.0
#include "function/functions.h"

#include <fmt/format.h>

#include <algorithm>

#include "command/parse.h"

namespace holdfast::function {
namespace {

/// A function's commands, on its own keyspace.
class OwnKeyspace final : public Commands, private MessageSink, private key_events::Sink {
 public:
  explicit OwnKeyspace(const Surroundings& on) : on_(on), seeds_(on.seed) {}

  bool call(Args args, Reply& reply) override {
    const Row* const row = row_of(args);
    run(row, args, reply);
    return row != nullptr && (row->flags & flag_flat_pairs) != 0;
  }

  /// What was told is told, now that it is known that the call ended well.
  void publish_all() {
    for (const Told& told : told_) on_.messages->publish({told.kind, told.channel, told.text});
    for (const Event& one : events_) on_.events->happened(one.kind, one.event, one.key);
  }

 private:
  struct Told {
    ChannelKind kind;
    std::string channel;
    std::string text;
  };

  struct Event {
    key_events::Kind kind;
    std::string event;
    std::string key;
  };
  void happened(key_events::Kind kind, std::string_view event, std::string_view key) override {
    events_.push_back({kind, std::string(event), std::string(key)});
  }

  Status check(const Message& message) const override {
    if (told_bytes_ + message.channel.size() + message.text.size() > limits::message_bytes_max)
      return fail(Code::err, "a function publishes too much");
    return on_.messages == nullptr ? Status() : on_.messages->check(message);
  }
  void publish(const Message& message) override {
    if (on_.messages == nullptr) return;
    told_bytes_ += message.channel.size() + message.text.size();
    told_.push_back({message.kind, std::string(message.channel), std::string(message.text)});
  }

  const Row* row_of(Args args) const {
    return args.size() > 1 ? on_.commands.find(args[0], args[1]) : on_.commands.find(args[0]);
  }

  void run(const Row* row, Args args, Reply& reply) {
    if (row == nullptr) return reply.raw_error("ERR Unknown Redis command called from script");
    const bool writes = row->access == Access::write;
    const bool tells = row->access == Access::message;
    if ((!writes && !tells && row->access != Access::read) || (row->flags & flag_noscript) != 0)
      return reply.raw_error("ERR This Redis command is not allowed from script");
    if (!check_arity(*row, args))
      return reply.raw_error("ERR Wrong number of args calling Redis command from script");
    if ((writes || tells) && on_.read_only)
      return reply.raw_error("ERR Write commands are not allowed from read-only scripts.");
    bool own = true;
    for_each_key(*row, args, [&](std::string_view key) {
      own = own && key.size() <= limits::key_bytes_max && on_.holds(key);
    });
    if (!own)
      return reply.error(
          {Code::cross_keyspace, "a function touches only keys of its own keyspace"});
    if (tells) {
      Context context{on_.table, on_.now, 0, this};
      return row->strong(context, args, reply);
    }
    if (!writes) return row->read(on_.table, on_.now, args, reply);
    if (on_.write) return on_.write(*row, args, reply);
    const key_events::OfCommand told(on_.events == nullptr ? nullptr : this, on_.table, on_.now,
                                     *row, args, reply);
    Context context{on_.table, on_.now, seeds_.next()};
    row->strong(context, args, reply);
  }

  const Surroundings& on_;
  command::Random seeds_;
  std::vector<Told> told_;
  std::size_t told_bytes_ = 0;
  std::vector<Event> events_;
};

// How many keys are said to follow; nothing: that is no number, or none that can be.
std::optional<std::size_t> count_of_keys(Args args) {
  const std::optional<std::int64_t> count = parse_integer(args[2]);
  if (!count || *count < 0) return std::nullopt;
  return static_cast<std::size_t>(*count);
}

constexpr Row rows[] = {
    {.name = "FCALL",
     .code = 500,
     .arity = -3,
     .keys = {0, 0, 0, 2},
     .access = Access::function,
     .flags = flag_denyoom | flag_noscript,
     .group = "scripting",
     .since = "0.1",
     .syntax = "function numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Calls a function, <keyspace>.<name>: its owner's, or one published to the caller",
     .complexity = "Depends on the function",
     .on_eventual = "its effects are replicated, not the call"},
    {.name = "FCALL_RO",
     .code = 501,
     .arity = -3,
     .keys = {0, 0, 0, 2},
     .access = Access::function,
     .flags = flag_noscript | flag_read_only,
     .group = "scripting",
     .since = "0.1",
     .syntax = "function numkeys [key [key ...]] [arg [arg ...]]",
     .summary = "Calls a function that changes nothing",
     .complexity = "Depends on the function",
     .on_eventual = "as in strong keyspaces"},
};

}  // namespace

std::optional<Functions::Found> Functions::find(std::string_view function) const {
  for (const auto& [name, library] : libraries_) {
    if (const Published* const found = library->find(function)) return Found{*library, *found};
  }
  return std::nullopt;
}

const Library* Functions::library(std::string_view name) const {
  const auto found = libraries_.find(name);
  return found == libraries_.end() ? nullptr : found->second.get();
}

Status Functions::add(std::shared_ptr<const Library> library, bool replace) {
  const auto same = libraries_.find(library->name());
  if (same != libraries_.end() && !replace)
    return fail(Code::err, fmt::format("Library '{}' already exists", library->name()));
  for (const Published& function : library->functions()) {
    const std::optional<Found> found = find(function.name);
    if (found && found->library.name() != library->name())
      return fail(Code::err, fmt::format("Function {} already exists", function.name));
  }
  libraries_.insert_or_assign(library->name(), std::move(library));
  return {};
}

bool Functions::remove(std::string_view library) {
  const auto found = libraries_.find(library);
  if (found == libraries_.end()) return false;
  libraries_.erase(found);
  return true;
}

Name parse_name(std::string_view text) {
  const std::size_t dot = text.rfind('.');
  if (dot == std::string_view::npos) return {"default", text};
  return {text.substr(0, dot), text.substr(dot + 1)};
}

bool is_for(const Published& function, std::string_view service) {
  if (service.empty()) return false;
  return function.allowed.empty() ||
         std::ranges::find(function.allowed, service) != function.allowed.end();
}

Status check_call(Args args) {
  const std::optional<std::size_t> count = count_of_keys(args);
  if (!count) {
    if (parse_integer(args[2])) return fail(Code::err, "Number of keys can't be negative");
    const bool script = command::equals_nocase(args[0].substr(0, 4), "EVAL");  // Redis' words
    return fail(Code::err,
                script ? "value is not an integer or out of range" : "Bad number of keys provided");
  }
  if (*count > args.size() - 3)
    return fail(Code::err, "Number of keys can't be greater than number of args");
  return {};
}

void call(const Functions& functions, Surroundings on, Args args, Reply& reply) {
  const std::optional<Functions::Found> found = functions.find(parse_name(args[1]).function);
  if (!found) return reply.raw_error("ERR Function not found");
  call(*found, std::move(on), args, reply);
}

void call(const Functions::Found& found, Surroundings on, Args args, Reply& reply) {
  if (on.read_only && !found.function.no_writes)
    return reply.raw_error("ERR Can not execute a script with write flag using *_ro command.");
  if (const Status counted = check_call(args); !counted) return reply.error(counted.error());
  const std::size_t count = *count_of_keys(args);
  on.read_only = found.function.no_writes;
  OwnKeyspace commands(on);
  if (!on.read_only) on.table.begin_undo();
  found.library.call({.function = found.function.name,
                      .keys = args.subspan(3, count),
                      .args = args.subspan(3 + count),
                      .caller = on.caller,
                      .seed = on.seed,
                      .work = on.work},
                     commands, reply);
  if (on.read_only) return;
  if (!reply.is_error()) commands.publish_all();
  reply.is_error() || on.rehearse ? on.table.undo() : on.table.keep();
}

std::span<const Row> call_rows() {
  return rows;
}

}  // namespace holdfast::function
