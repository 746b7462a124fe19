// SPDX-License-Identifier: Apache-2.0
#include "node/message_rows.h"

#include "base/limits.h"
#include "command/parse.h"
#include "node/node.h"

namespace holdfast::node {
namespace {

constexpr std::string_view shard_name = "SPUBLISH";

Message message_of(Args args) {
  const bool shard = command::equals_nocase(args[0], shard_name);
  return {shard ? ChannelKind::shard : ChannelKind::usual, args[1], args[2]};
}

bool fits(const Message& message, Reply& reply) {
  if (message.channel.size() + message.text.size() <= limits::message_bytes_max) return true;
  reply.error({Code::err, "the message is longer than a message may be"});
  return false;
}

void publish(Node& node, ServiceId, Args args, Reply& reply) {
  const Message message = message_of(args);
  if (!fits(message, reply)) return;
  reply.integer(static_cast<std::int64_t>(node.messages().publish(message)));
}

// As a part of an operation it is told when that is carried out; the answer is that of every node,
// so it counts nobody.
void publish_within(MessageSink* sink, Args args, Reply& reply) {
  const Message message = message_of(args);
  if (!fits(message, reply)) return;
  if (sink != nullptr) {
    if (Status s = sink->check(message); !s) return reply.error(s.error());
    sink->publish(message);
  }
  reply.integer(0);
}

void publish_strong(Context& context, Args args, Reply& reply) {
  publish_within(context.messages, args, reply);
}

void publish_eventual(EventualContext& context, Args args, Reply& reply) {
  publish_within(context.messages, args, reply);
}

constexpr Row row(std::string_view name, std::uint16_t code, std::string_view syntax,
                  std::string_view summary) {
  return {.name = name,
          .code = code,
          .arity = 3,
          .access = Access::message,
          .flags = flag_loading | flag_fast | flag_pubsub,
          .strong = publish_strong,
          .eventual = publish_eventual,
          .node = publish,
          .group = "pubsub",
          .since = "0.1",
          .syntax = syntax,
          .summary = summary,
          .complexity = "O(subscribers of the channel, and patterns)",
          .on_eventual =
              "as in strong ones; a retry that another node carries out before it has "
              "heard of the first try tells it again"};
}

constexpr Row rows[] = {
    row("PUBLISH", 950, "channel message",
        "Tell a message to who has subscribed to the channel, on all nodes; how many on this one "
        "took it, and 0 in transactions and functions and with a request id"),
    row(shard_name, 951, "shardchannel message", "The same on a shard channel"),
};

}  // namespace

std::span<const Row> message_rows() {
  return rows;
}

}  // namespace holdfast::node
