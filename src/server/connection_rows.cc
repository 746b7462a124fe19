// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "base/version.h"
#include "command/parse.h"
#include "server/client_labels.h"
#include "server/session.h"
#include "server/session_rows.h"
#include "value/value.h"

namespace holdfast::server {
namespace {

using command::equals_nocase;

/// Whether it has; else the reply says why not.
bool sign_in(Session& session, std::string_view service, std::string_view token, Reply& reply) {
  const auto caller = session.context().backend->sign_in(service, token, session.peer().address);
  if (!caller) {
    reply.error(caller.error());
    return false;
  }
  session.sign_in(*caller);
  return true;
}

void hello_reply(const Session& session, Reply& reply) {
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");  // client libraries choose their dialect by it
  reply.bulk("version");
  reply.bulk(redis_version);
  reply.bulk("proto");
  reply.integer(session.form() == Form::resp3 ? 3 : 2);
  reply.bulk("id");
  reply.integer(static_cast<std::int64_t>(session.peer().id));
  reply.bulk("mode");
  reply.bulk("standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

void hello(Session& session, Args args, Reply& reply) {
  Form form = session.form();
  if (args.size() > 1) {
    const auto version = parse_integer(args[1]);
    if (!version) {
      return reply.error({Code::err, "Protocol version is not an integer or out of range"});
    }
    if (*version < 2 || *version > 3) {
      return reply.error({Code::no_protocol, "unsupported protocol version"});
    }
    form = *version == 3 ? Form::resp3 : Form::resp2;
  }
  std::optional<std::string_view> name;
  std::optional<std::pair<std::string_view, std::string_view>> who;
  bool hears_replays = false;
  for (std::size_t i = 2; i < args.size(); ++i) {
    if (equals_nocase(args[i], "AUTH") && i + 2 < args.size()) {
      who.emplace(args[i + 1], args[i + 2]);
      i += 2;
    } else if (equals_nocase(args[i], "SETNAME") && i + 1 < args.size()) {
      name = args[++i];
    } else if (equals_nocase(args[i], "REPLAYS")) {
      hears_replays = true;
    } else {
      return reply.error({Code::err, "Syntax error in HELLO option '" +
                                         std::string(args[i].substr(0, 128)) + "'"});
    }
  }
  if (who && !sign_in(session, who->first, who->second, reply)) return;
  if (session.caller().value == 0 && session.context().backend->must_sign_in()) {
    return reply.error({Code::no_auth,
                        "HELLO must be called with the client already authenticated, otherwise "
                        "the HELLO <proto> AUTH <user> <pass> option can be used to authenticate "
                        "the client and select the RESP protocol version at the same time"});
  }
  if (name) {
    if (Status s = set_client_name(session, *name); !s) return reply.error(s.error());
  }
  session.set_form(form);
  session.set_hears_replays(hears_replays);
  hello_reply(session, reply);
}

void auth(Session& session, Args args, Reply& reply) {
  if (args.size() > 3) return reply.raw_error(command::errors::syntax);
  if (args.size() == 2 && !session.context().backend->must_sign_in()) {
    return reply.error(
        {Code::err,
         "AUTH <password> called without any password configured for the default user. Are you "
         "sure your configuration is correct?"});
  }
  const bool named = args.size() == 3;
  if (sign_in(session, named ? args[1] : "", args.back(), reply)) reply.ok();
}

// Within a transaction: of it the log knows, so here nothing depends on the connection.
void ping_in_transaction(Table& table, Instant now, Args args, Reply& reply) {
  static_cast<void>(table), static_cast<void>(now);
  if (args.size() > 2) return command::wrong_arity("ping", reply);
  args.size() == 2 ? reply.bulk(args[1]) : reply.simple("PONG");
}

void ping(Session& session, Args args, Reply& reply) {
  if (args.size() > 2) return command::wrong_arity("ping", reply);
  if (session.hears_only()) {  // a client tells it from messages by its form
    reply.array(2);
    reply.bulk("pong");
    return reply.bulk(args.size() == 2 ? args[1] : "");
  }
  args.size() == 2 ? reply.bulk(args[1]) : reply.simple("PONG");
}

void echo(Session&, Args args, Reply& reply) {
  reply.bulk(args[1]);
}

void echo_in_transaction(Table& table, Instant now, Args args, Reply& reply) {
  static_cast<void>(table), static_cast<void>(now);
  reply.bulk(args[1]);
}

void select_database(Session&, Args args, Reply& reply) {
  const auto number = command::integer_argument(args[1], reply);
  if (!number) return;
  if (*number != 0) return reply.error({Code::err, "DB index is out of range"});
  reply.ok();
}

void quit(Session& session, Args, Reply& reply) {
  reply.ok();
  session.finish();
}

void reset(Session& session, Args, Reply& reply) {
  session.reset();
  reply.simple("RESET");
}

constexpr std::uint32_t usual =
    flag_noscript | flag_loading | flag_fast | flag_immediate | flag_no_multi;

constexpr Row rows[] = {
    {.name = "AUTH",
     .arity = -2,
     .access = Access::session,
     .flags = usual | flag_no_auth,
     .session = auth,
     .group = "connection",
     .since = "0.1",
     .syntax = "[service] token",
     .summary = "Sign in as a service",
     .complexity = "O(1)"},
    {.name = "ECHO",
     .code = 510,
     .arity = 2,
     .access = Access::session,
     .flags = flag_loading | flag_fast | flag_immediate | flag_anywhere,
     .read = echo_in_transaction,
     .session = echo,
     .group = "connection",
     .since = "0.1",
     .syntax = "message",
     .summary = "The message, back",
     .complexity = "O(1)"},
    {.name = "HELLO",
     .arity = -1,
     .access = Access::session,
     .flags = flag_noscript | flag_loading | flag_fast | flag_no_auth | flag_no_multi,
     .session = hello,
     .group = "connection",
     .since = "0.1",
     .syntax = "[protover [AUTH service token] [SETNAME name] [REPLAYS]]",
     .summary =
         "Choose RESP2 or RESP3 and hear about the server; REPLAYS marks each reply that is an "
         "earlier try's with a RESP3 attribute",
     .complexity = "O(1)"},
    {.name = "PING",
     .code = 511,
     .arity = -1,
     .access = Access::session,
     .flags = flag_fast | flag_immediate | flag_anywhere | flag_subscribed,
     .read = ping_in_transaction,
     .session = ping,
     .group = "connection",
     .since = "0.1",
     .syntax = "[message]",
     .summary = "PONG, or the message",
     .complexity = "O(1)"},
    {.name = "QUIT",
     .arity = -1,
     .access = Access::session,
     .flags =
         flag_noscript | flag_loading | flag_fast | flag_immediate | flag_no_auth | flag_subscribed,
     .session = quit,
     .group = "connection",
     .since = "0.1",
     .summary = "Close the connection when everything asked is answered",
     .complexity = "O(1)"},
    {.name = "RESET",
     .arity = 1,
     .access = Access::session,
     .flags = flag_noscript | flag_loading | flag_fast | flag_no_auth | flag_subscribed,
     .session = reset,
     .group = "connection",
     .since = "0.1",
     .summary = "Make the connection as it was when it was new",
     .complexity = "O(1)"},
    {.name = "SELECT",
     .arity = 2,
     .access = Access::session,
     .flags = flag_loading | flag_fast | flag_immediate | flag_no_multi,
     .session = select_database,
     .group = "connection",
     .since = "0.1",
     .syntax = "index",
     .summary = "Accepted for database 0, the only one: keyspaces divide the data",
     .complexity = "O(1)"},
};

}  // namespace

std::span<const Row> connection_rows() {
  return rows;
}

}  // namespace holdfast::server
