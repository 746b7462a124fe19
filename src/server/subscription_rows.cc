// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "command/glob.h"
#include "command/parse.h"
#include "server/command_facts.h"
#include "server/session.h"
#include "server/session_rows.h"

namespace holdfast::server {
namespace {

// How many channels and patterns the connection has, or, of the other kind, shard channels: what
// its confirmations tell.
std::size_t counted(const Session& session, Topic topic) {
  if (topic == Topic::shard_channel) return session.count(Topic::shard_channel);
  return session.count(Topic::channel) + session.count(Topic::pattern);
}

void confirm(Session& session, std::string_view what, Topic topic,
             std::optional<std::string_view> name) {
  std::string text;
  Reply push(text);
  push.push(3);
  push.bulk(what);
  name ? push.bulk(*name) : push.null();
  push.integer(static_cast<std::int64_t>(counted(session, topic)));
  session.push(text);
}

// The answers are pushes, one a name, and no reply: CLIENT REPLY OFF does not silence them.
void subscribe_to(Session& session, Topic topic, std::string_view what, Args names, Reply& reply) {
  if (session.is_http()) return reply.error({Code::err, "over HTTP there is nothing to hear"});
  Backend& backend = *session.context().backend;
  if (topic != Topic::pattern) {
    for (const std::string_view name : names) {
      if (Status s = backend.may_use_channel(session.caller(), name, session.peer().address); !s)
        return reply.error(s.error());
    }
  }
  for (const std::string_view name : names) {
    if (Status s = backend.subscriptions().subscribe(session, topic, name); !s)
      return reply.error(s.error());
    confirm(session, what, topic, name);
  }
  backend.subscriptions_changed();
}

void unsubscribe_from(Session& session, Topic topic, std::string_view what, Args names) {
  Subscriptions& subscriptions = session.context().backend->subscriptions();
  const auto leave = [&](std::string_view name) {
    subscriptions.unsubscribe(session, topic, name);
    confirm(session, what, topic, name);
  };
  for (const std::string_view name : names) leave(name);
  if (names.empty()) {
    const std::vector<std::string> all = subscriptions.names_of(session, topic);
    for (const std::string& name : all) leave(name);
    if (all.empty()) confirm(session, what, topic, std::nullopt);
  }
  session.context().backend->subscriptions_changed();
}

void subscribe(Session& session, Args args, Reply& reply) {
  subscribe_to(session, Topic::channel, "subscribe", args.subspan(1), reply);
}
void psubscribe(Session& session, Args args, Reply& reply) {
  subscribe_to(session, Topic::pattern, "psubscribe", args.subspan(1), reply);
}
void ssubscribe(Session& session, Args args, Reply& reply) {
  subscribe_to(session, Topic::shard_channel, "ssubscribe", args.subspan(1), reply);
}
void unsubscribe(Session& session, Args args, Reply&) {
  unsubscribe_from(session, Topic::channel, "unsubscribe", args.subspan(1));
}
void punsubscribe(Session& session, Args args, Reply&) {
  unsubscribe_from(session, Topic::pattern, "punsubscribe", args.subspan(1));
}
void sunsubscribe(Session& session, Args args, Reply&) {
  unsubscribe_from(session, Topic::shard_channel, "sunsubscribe", args.subspan(1));
}

// What belongs to others is not shown.
bool is_shown(Session& session, std::string_view channel) {
  return session.context().backend->may_use_channel(session.caller(), channel, {}).has_value();
}

void list_channels(Session& session, Args args, Topic topic, Reply& reply) {
  if (args.size() > 3) {
    return reply.error({Code::err, "unknown subcommand or wrong number of arguments for '" +
                                       std::string(args[1].substr(0, 128)) +
                                       "'. Try PUBSUB HELP."});
  }
  std::vector<std::string_view> shown;
  session.context().backend->subscriptions().for_each(topic, [&](std::string_view name) {
    if (args.size() == 3 && !command::glob_match(args[2], name)) return;
    if (is_shown(session, name)) shown.push_back(name);
  });
  reply.array(shown.size());
  for (const std::string_view name : shown) reply.bulk(name);
}

void count_subscribers(Session& session, Args args, Topic topic, Reply& reply) {
  const Subscriptions& subscriptions = session.context().backend->subscriptions();
  reply.array(2 * (args.size() - 2));
  for (const std::string_view name : args.subspan(2)) {
    reply.bulk(name);
    reply.integer(
        is_shown(session, name) ? static_cast<std::int64_t>(subscriptions.count(topic, name)) : 0);
  }
}

void pubsub_channels(Session& session, Args args, Reply& reply) {
  list_channels(session, args, Topic::channel, reply);
}
void pubsub_shardchannels(Session& session, Args args, Reply& reply) {
  list_channels(session, args, Topic::shard_channel, reply);
}
void pubsub_numsub(Session& session, Args args, Reply& reply) {
  count_subscribers(session, args, Topic::channel, reply);
}
void pubsub_shardnumsub(Session& session, Args args, Reply& reply) {
  count_subscribers(session, args, Topic::shard_channel, reply);
}
void pubsub_numpat(Session& session, Args, Reply& reply) {
  const Subscriptions& subscriptions = session.context().backend->subscriptions();
  reply.integer(static_cast<std::int64_t>(subscriptions.size(Topic::pattern)));
}
void pubsub_help(Session& session, Args args, Reply& reply) {
  write_help(session.context().commands, args[0], reply);
}

constexpr Row row(const char* name, int arity, SessionFunction function, const char* syntax,
                  const char* summary, const char* complexity) {
  return {.name = name,
          .arity = arity,
          .access = Access::session,
          .flags = flag_noscript | flag_loading | flag_no_multi | flag_pubsub | flag_subscribed,
          .session = function,
          .group = "pubsub",
          .since = "0.1",
          .syntax = syntax,
          .summary = summary,
          .complexity = complexity};
}

constexpr Row fact_row(const char* name, int arity, SessionFunction function, const char* syntax,
                       const char* summary, const char* complexity) {
  Row made = row(name, arity, function, syntax, summary, complexity);
  made.flags = flag_loading | flag_immediate | flag_no_multi | flag_anywhere | flag_pubsub;
  return made;
}

constexpr Row rows[] = {
    row("SUBSCRIBE", -2, subscribe, "channel [channel ...]",
        "Hear what is published on channels, on whatever node", "O(channels)"),
    row("UNSUBSCRIBE", -1, unsubscribe, "[channel [channel ...]]",
        "Hear no more of channels, or of any", "O(channels)"),
    row("PSUBSCRIBE", -2, psubscribe, "pattern [pattern ...]",
        "Hear what is published on channels that match glob patterns, as far as the caller may "
        "use them",
        "O(patterns)"),
    row("PUNSUBSCRIBE", -1, punsubscribe, "[pattern [pattern ...]]",
        "Hear no more of patterns, or of any", "O(patterns)"),
    row("SSUBSCRIBE", -2, ssubscribe, "shardchannel [shardchannel ...]",
        "Hear what is published on shard channels: as SUBSCRIBE, with names of their own",
        "O(channels)"),
    row("SUNSUBSCRIBE", -1, sunsubscribe, "[shardchannel [shardchannel ...]]",
        "Hear no more of shard channels, or of any", "O(channels)"),
    fact_row("PUBSUB CHANNELS", -2, pubsub_channels, "[pattern]",
             "Channels that have subscribers on this node", "O(channels)"),
    fact_row("PUBSUB HELP", 2, pubsub_help, "", "What PUBSUB offers", "O(1)"),
    fact_row("PUBSUB NUMPAT", 2, pubsub_numpat, "",
             "How many patterns have subscribers on this node", "O(1)"),
    fact_row("PUBSUB NUMSUB", -2, pubsub_numsub, "[channel [channel ...]]",
             "How many have subscribed to channels on this node", "O(channels)"),
    fact_row("PUBSUB SHARDCHANNELS", -2, pubsub_shardchannels, "[pattern]",
             "Shard channels that have subscribers on this node", "O(channels)"),
    fact_row("PUBSUB SHARDNUMSUB", -2, pubsub_shardnumsub, "[shardchannel [shardchannel ...]]",
             "How many have subscribed to shard channels on this node", "O(channels)"),
};

}  // namespace

std::span<const Row> subscription_rows() {
  return rows;
}

}  // namespace holdfast::server
