// SPDX-License-Identifier: Apache-2.0
#include "server/session_cache.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "command/table.h"
#include "server/session.h"

namespace holdfast::server {
namespace {

// Where clients that speak RESP2 subscribe for it, on the connection that they name.
constexpr std::string_view channel = "__redis__:invalidate";

}  // namespace

Status SessionCache::begin(TrackingMode mode, std::uint64_t redirect) {
  if (redirect != 0 && session_.context().clients->find(redirect) == nullptr)
    return fail(Code::err, "The client ID you want redirect to does not exist");
  if (Status s = tracking_.begin(*this, std::move(mode)); !s) return s;
  redirect_ = redirect;
  broken_ = false;
  return {};
}

Status SessionCache::set_caching(bool yes) {
  const TrackingMode& now = mode();
  if (yes ? !now.opts_in : !now.opts_out) {
    return fail(Code::err, yes ? "CLIENT CACHING YES is only valid when tracking is enabled in "
                                 "OPTIN mode."
                               : "CLIENT CACHING NO is only valid when tracking is enabled in "
                                 "OPTOUT mode.");
  }
  caching_ = yes;
  return {};
}

bool SessionCache::follows() const {
  const TrackingMode& now = mode();
  if (now.opts_in) return caching_ == true;
  if (now.opts_out) return caching_ != false;
  return true;
}

void SessionCache::reads(const Row& row, Args args) {
  if (row.access != Access::read) return;
  for_each_key(row, args, [&](std::string_view key) {
    tracking_.reads(*this, key);
    reading_.emplace_back(key);
  });
}

void SessionCache::handing_over(const Request& request) {
  reading_.clear();
  if (!follows()) return;
  if (request.transaction.empty()) return reads(*request.row, request.args);
  std::vector<std::string_view> args;
  for (const QueuedCommand& command : request.transaction) {
    args.assign(command.args.begin(), command.args.end());
    reads(*command.row, args);
  }
}

void SessionCache::promised(std::uint64_t sequence) {
  if (!reading_.empty()) under_way_.push_back({sequence, std::exchange(reading_, {})});
}

void SessionCache::answering(std::uint64_t sequence) {
  const auto one = std::ranges::lower_bound(under_way_, sequence, {}, &UnderWay::sequence);
  if (one == under_way_.end() || one->sequence != sequence) return;
  if (one->is_old) {
    const std::vector<std::string_view> keys(one->keys.begin(), one->keys.end());
    if (redirect_ == 0 && session_.form() == Form::resp3) {
      session_.push_behind(sequence, message(keys, false));
    } else {
      send(keys);
    }
  }
  under_way_.erase(one);
}

std::uint64_t SessionCache::writer_id() const {
  return session_.ticket_connection();
}

void SessionCache::forget_keys(std::span<const std::string_view> keys) {
  for (UnderWay& one : under_way_) {
    one.is_old = one.is_old || std::ranges::any_of(one.keys, [&](const std::string& key) {
                   return std::ranges::find(keys, key) != keys.end();
                 });
  }
  send(keys);
}

void SessionCache::forget_all() {
  for (UnderWay& one : under_way_) one.is_old = true;
  send(std::nullopt);
}

// Who hears for it knows by the end of its own connection.
void SessionCache::cut(std::string_view why) {
  const auto end = [&](Session& session) {
    session.cut(why);
    session.context().clients->touch_first(session);
  };
  Session* const told = redirect_ == 0 ? nullptr : session_.context().clients->find(redirect_);
  if (told != nullptr) end(*told);
  end(session_);
}

std::string SessionCache::message(std::optional<std::span<const std::string_view>> keys,
                                  bool for_resp2) const {
  std::string text;
  Reply push(text);
  push.push(for_resp2 ? 3 : 2);
  if (for_resp2) {
    push.bulk("message");
    push.bulk(channel);
  } else {
    push.bulk("invalidate");
  }
  if (!keys) {
    for_resp2 ? push.null_array() : push.null();
    return text;
  }
  push.array(keys->size());
  for (const std::string_view key : *keys) push.bulk(key);
  return text;
}

void SessionCache::send(std::optional<std::span<const std::string_view>> keys) {
  Session* told = &session_;
  if (redirect_ != 0) {
    told = session_.context().clients->find(redirect_);
    if (told == nullptr) {
      if (std::exchange(broken_, true) || session_.form() != Form::resp3) return;
      std::string text;
      Reply push(text);
      push.push(2);
      push.bulk("tracking-redir-broken");
      push.integer(static_cast<std::int64_t>(redirect_));
      session_.push_first(text);
      return;
    }
  }
  const bool resp2 = told->form() == Form::resp2;
  // A client that speaks RESP2 hears nothing that it was not asked for but on a connection that
  // has subscribed.
  if (resp2 && (told == &session_ || !told->is_subscribed())) return;
  told->push_first(message(keys, resp2));
}

}  // namespace holdfast::server
