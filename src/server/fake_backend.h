// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "command/table.h"
#include "server/backend.h"
#include "server/session_rows.h"

/// A node for tests of the server: keeps no data, answers at once or when told
/// to, and asserts what a session owes a backend.
namespace holdfast::server::fake {

inline void node_row(node::Node&, ServiceId, Args, Reply&) {}

inline std::span<const Row> node_rows() {
  static constexpr Row rows[] = {
      {.name = "DBSIZE",
       .arity = 1,
       .access = Access::node,
       .node = node_row,
       .group = "server",
       .since = "0.1",
       .summary = "The number of keys"},
      {.name = "EXPLAIN",
       .arity = -2,
       .keys = first_key,
       .access = Access::read,
       .flags = flag_no_multi | flag_noscript,
       .node = node_row,
       .group = "consistency",
       .since = "0.1",
       .summary = "A read that may wait"},
  };
  return rows;
}

inline const CommandTable& commands() {
  static const CommandTable table({string_rows(), hash_rows(), set_rows(), sorted_set_rows(),
                                   list_rows(), key_rows(), version_rows(), id_rows(),
                                   session_rows(), node_rows()});
  return table;
}

class Backend final : public server::Backend {
 public:
  struct Seen {
    const Row* row = nullptr;
    std::vector<std::string> args;
    std::string request_id;
    std::string after_token;
    ReadMode read_mode = ReadMode::normal;
    Millis fresh_within{0};
    bool behind = false;
    Path path = Path::immediate;
    Ticket ticket;
    std::vector<QueuedCommand> transaction;
    std::shared_ptr<WatchSet> watched;
  };

  Tracking& tracking() override { return tracking_; }
  Result<bool> may_keep_cache(Monotonic) override { return may_keep; }
  bool expect(std::span<const Ahead> ahead) override {
    auto& keys = expected.emplace_back();
    for (const Ahead& one : ahead) keys.emplace_back(one.key);
    seen_when_expected = seen.size();
    return expects;
  }

  Result<bool> may_keep = true;
  bool expects = true;                             // expect() is of use
  std::vector<std::vector<std::string>> expected;  // the keys of each call
  std::size_t seen_when_expected = 0;
  bool answers_at_once = true;
  /// The reply to everything; empty: a bulk string of the arguments.
  std::string reply;
  std::vector<Seen> seen;
  std::vector<Seen> under_way;
  std::size_t turns = 0;
  bool keeps_seen = true;
  std::string unseen;  // AFTER this token has to wait
  Millis waited{0};

  /// Keys "ev:…" are eventual, "no:…" are refused, others strong; two of
  /// different kinds are in two keyspaces.
  bool wants_sign_in = false;
  bool must_sign_in() const override { return wants_sign_in; }
  std::uint64_t services_version() const override { return (wants_sign_in ? 1 : 0) + changes_; }
  /// From now on these are the services, with ids from 1 on.
  void set_services(const std::vector<std::string>& names) {
    ++changes_;
    wants_sign_in = true;
    services_.clear();
    for (const std::string& name : names) {
      services_.push_back({.id = {static_cast<std::uint32_t>(services_.size() + 1)}, .name = name});
    }
  }
  const Service* service(ServiceId id) const override {
    const auto found = std::ranges::find(services_, id, &Service::id);
    return found == services_.end() ? nullptr : &*found;
  }
  ServiceId service_called(std::string_view name) const override {
    const auto found = std::ranges::find(services_, name, &Service::name);
    return found == services_.end() ? ServiceId{} : found->id;
  }
  /// "token-of-shop" is shop's.
  Result<ServiceId> sign_in(std::string_view, std::string_view token, std::string_view) override {
    constexpr std::string_view prefix = "token-of-";
    if (token.starts_with(prefix)) {
      const ServiceId found = service_called(token.substr(prefix.size()));
      if (found.value != 0) return found;
    }
    return fail(Code::wrong_password, "invalid username-password pair or user is disabled.");
  }

  Result<Path> route(const Request& request) override {
    if (!unseen.empty() && request.after_token == unseen) {
      waited = request.waiting_since == Monotonic{}
                   ? Millis(0)
                   : std::chrono::duration_cast<Millis>(monotonic() - request.waiting_since);
      if (waited < Millis(5'000)) return Path::later;
      return fail(Code::unavailable, "not seen");
    }
    if (request.row->access == Access::node) return Path::immediate;
    std::optional<std::string_view> keyspace;
    bool crosses = false;
    const auto add_keys = [&](const Row& row, Args args) {
      for_each_key(row, args, [&](std::string_view key) {
        const std::string_view name = keyspace_of(key);
        crosses = crosses || (keyspace && *keyspace != name);
        keyspace = name;
      });
    };
    add_keys(*request.row, request.args);
    for (const QueuedCommand& command : request.transaction) {
      const std::vector<std::string_view> views(command.args.begin(), command.args.end());
      add_keys(*command.row, views);
    }
    if (crosses) return fail(Code::cross_keyspace, "two keyspaces");
    if (keyspace == "no") return fail(Code::no_id, "this keyspace wants request ids");
    if (!keyspace && request.row->access == Access::session) return Path::immediate;
    return keyspace == "ev" ? Path::eventual : Path::strong;
  }

  bool submit(const Request& request, Ticket ticket, Path path, Reply& now) override {
    Order& order = orders_[ticket.connection];
    HF_ASSERT(request.behind == (order.under_way > 0));
    HF_ASSERT(order.under_way == 0 || (order.path == path && path != Path::immediate));
    if (!keeps_seen && answers_at_once) {
      answer(request, now);
      return true;
    }
    Seen one{.row = request.row,
             .args = {request.args.begin(), request.args.end()},
             .request_id = std::string(request.request_id),
             .after_token = std::string(request.after_token),
             .read_mode = request.read_mode,
             .fresh_within = request.fresh_within,
             .behind = request.behind,
             .path = path,
             .ticket = ticket,
             .transaction = {request.transaction.begin(), request.transaction.end()},
             .watched = request.watched};
    seen.push_back(one);
    if (answers_at_once) {
      answer(request, now);
      return true;
    }
    under_way.push_back(std::move(one));
    ++order.under_way;
    order.path = path;
    return false;
  }

  std::vector<std::uint64_t> abandoned;  // connections
  void abandon(Ticket ticket) override { abandoned.push_back(ticket.connection); }
  std::vector<std::pair<std::uint64_t, bool>> unblocked;  // connections, and whether as an error
  bool unblock(Ticket ticket, bool as_error) override {
    unblocked.emplace_back(ticket.connection, as_error);
    return true;
  }

  /// Completes the i-th of under_way.
  void complete(ReplySink& sink, std::size_t i, Replay replay = Replay::none) {
    const Seen one = under_way[i];
    under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(i));
    --orders_[one.ticket.connection].under_way;
    std::string text;
    Reply out(text);
    answer({.row = one.row, .args = {}}, out, one.args);
    sink.complete(one.ticket, text, replay);
  }
  void complete_all(ReplySink& sink) {
    while (!under_way.empty()) complete(sink, 0);
  }

  Subscriptions& subscriptions() override { return subscriptions_; }
  /// Channels "shop:…" are shop's.
  Status may_use_channel(ServiceId caller, std::string_view channel,
                         std::string_view) const override {
    const ServiceId owner = service_called(keyspace_of(channel));
    if (owner.value == 0 || owner == caller) return {};
    return fail(Code::no_permission, "that is another's");
  }
  /// As a node does.
  std::uint64_t publish(const Message& message) {
    const ServiceId owner = service_called(keyspace_of(message.channel));
    return subscriptions_.deliver(message,
                                  {owner.value == 0 ? std::nullopt : std::optional(owner)});
  }

  std::string token() const override { return "all"; }
  bool has_versions(std::string_view key) const override { return keyspace_of(key) != "ev"; }
  Instant now() const override { return time; }
  Monotonic monotonic() const override { return Monotonic(time.time_since_epoch()); }
  void end_of_turn() override { ++turns; }

  Instant time = instant_from_ms(1'700'000'000'000);

 private:
  struct Order {
    std::size_t under_way = 0;
    Path path = Path::immediate;
  };
  Subscriptions subscriptions_;
  Tracking tracking_;
  std::map<std::uint64_t, Order> orders_;  // by connection
  std::vector<Service> services_;
  std::uint64_t changes_ = 0;  // of them

  void answer(const Request& request, Reply& out, const std::vector<std::string>& args = {}) {
    if (!reply.empty()) {
      out.buffer().append(reply);
      return;
    }
    std::string text;
    for (const std::string_view arg : request.args) append(text, arg);
    for (const std::string_view arg : args) append(text, arg);
    out.bulk(text);
  }
  static void append(std::string& text, std::string_view arg) {
    if (!text.empty()) text += ' ';
    text += arg;
  }
};

}  // namespace holdfast::server::fake
