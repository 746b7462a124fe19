// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "command/parse.h"
#include "server/client_labels.h"
#include "server/client_row.h"
#include "server/command_facts.h"
#include "server/session.h"
#include "server/session_rows.h"
#include "value/value.h"

namespace holdfast::server {
namespace {

using command::equals_nocase;

void syntax_error(Reply& reply) {
  reply.raw_error(command::errors::syntax);
}

void answer_status(const Status& status, Reply& reply) {
  if (status) return reply.ok();
  reply.error(status.error());
}

void client_id(Session& session, Args, Reply& reply) {
  reply.integer(static_cast<std::int64_t>(session.peer().id));
}

void client_setname(Session& session, Args args, Reply& reply) {
  answer_status(set_client_name(session, args[2]), reply);
}

void client_getname(Session& session, Args, Reply& reply) {
  if (session.labels().name.empty()) return reply.null();
  reply.bulk(session.labels().name);
}

void client_setinfo(Session& session, Args args, Reply& reply) {
  answer_status(set_client_library(session, args[2], args[3]), reply);
}

void client_info(Session& session, Args, Reply& reply) {
  reply.verbatim_text(client_line(session, session.context().backend->now()) + "\n");
}

std::optional<std::uint64_t> id_argument(std::string_view text) {
  const auto number = parse_integer(text);
  if (!number || *number <= 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

/// Whether the word names a type of client that there is in Redis, and which of ours are of it.
struct ClientType {
  bool known = false;
  bool normal = false;
  bool subscribers = false;

  bool has(const Session& other) const { return other.is_subscribed() ? subscribers : normal; }
};
ClientType client_type(std::string_view word) {
  if (equals_nocase(word, "NORMAL")) return {.known = true, .normal = true};
  if (equals_nocase(word, "PUBSUB")) return {.known = true, .subscribers = true};
  for (const char* const other : {"MASTER", "REPLICA", "SLAVE"}) {
    if (equals_nocase(word, other)) return {.known = true};
  }
  return {};
}

void unknown_type(std::string_view word, Reply& reply) {
  reply.error({Code::err, "Unknown client type '" + std::string(word.substr(0, 128)) + "'"});
}

void client_list(Session& session, Args args, Reply& reply) {
  const auto may_see = [&](const Session& other) {
    return other.caller() == session.caller() || session.may_administer();
  };
  std::function<bool(const Session&)> shown = [](const Session&) { return true; };
  if (args.size() > 2) {
    if (equals_nocase(args[2], "TYPE") && args.size() == 4) {
      const ClientType type = client_type(args[3]);
      if (!type.known) return unknown_type(args[3], reply);
      shown = [type](const Session& other) { return type.has(other); };
    } else if (equals_nocase(args[2], "ID") && args.size() > 3) {
      std::vector<std::uint64_t> ids;
      for (const std::string_view arg : args.subspan(3)) {
        const auto id = id_argument(arg);
        if (!id) return reply.error({Code::err, "Invalid client ID"});
        ids.push_back(*id);
      }
      std::ranges::sort(ids);
      shown = [ids = std::move(ids)](const Session& other) {
        return std::ranges::binary_search(ids, other.peer().id);
      };
    } else {
      return syntax_error(reply);
    }
  }
  std::string text;
  const Instant now = session.context().backend->now();
  session.context().clients->for_each([&](Session& other) {
    if (may_see(other) && shown(other)) text += client_line(other, now) + "\n";
  });
  reply.verbatim_text(text);
}

struct KillFilter {
  std::optional<std::uint64_t> id;
  std::optional<std::string_view> address;
  std::optional<std::string_view> local_address;
  ClientType type{.known = true, .normal = true, .subscribers = true};
  bool skip_me = true;

  bool matches(const Session& other) const {
    return type.has(other) && (!id || other.peer().id == *id) &&
           (!address || other.peer().address == *address) &&
           (!local_address || other.peer().local_address == *local_address);
  }
};

/// CLIENT KILL's filters; nothing, and the error written, if they are none.
std::optional<KillFilter> kill_filter(Args args, Reply& reply) {
  KillFilter filter;
  for (std::size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) {
      syntax_error(reply);
      return std::nullopt;
    }
    const std::string_view value = args[i + 1];
    if (equals_nocase(args[i], "ID")) {
      filter.id = id_argument(value);
      if (filter.id) continue;
      reply.error({Code::err, "client-id should be greater than 0"});
      return std::nullopt;
    }
    if (equals_nocase(args[i], "TYPE")) {
      filter.type = client_type(value);
      if (filter.type.known) continue;
      unknown_type(value, reply);
      return std::nullopt;
    }
    if (equals_nocase(args[i], "USER")) {
      if (value == "default") continue;
      reply.error({Code::err, "No such user '" + std::string(value.substr(0, 128)) + "'"});
      return std::nullopt;
    }
    if (equals_nocase(args[i], "SKIPME")) {
      filter.skip_me = equals_nocase(value, "YES");
      if (filter.skip_me || equals_nocase(value, "NO")) continue;
    }
    if (equals_nocase(args[i], "ADDR")) {
      filter.address = value;
      continue;
    }
    if (equals_nocase(args[i], "LADDR")) {
      filter.local_address = value;
      continue;
    }
    syntax_error(reply);
    return std::nullopt;
  }
  return filter;
}

/// Closes who matches; how many.
std::int64_t kill(Session& session, const KillFilter& filter) {
  std::int64_t killed = 0;
  session.context().clients->for_each([&](Session& other) {
    if (other.caller() != session.caller() && !session.may_administer()) return;
    if (!filter.matches(other) || (&other == &session && filter.skip_me)) return;
    ++killed;
    if (&other == &session) {
      session.finish();  // who asked hears the answer
    } else {
      session.context().clients->kill(other);
    }
  });
  return killed;
}

void client_kill(Session& session, Args args, Reply& reply) {
  if (args.size() == 3) {  // the old form: an address
    KillFilter filter;
    filter.address = args[2];
    filter.skip_me = false;
    if (kill(session, filter) == 0) return reply.error({Code::err, "No such client"});
    return reply.ok();
  }
  const auto filter = kill_filter(args, reply);
  if (filter) reply.integer(kill(session, *filter));
}

void client_reply(Session& session, Args args, Reply& reply) {
  if (equals_nocase(args[2], "ON")) {
    session.set_reply_mode(Session::ReplyMode::on);
    reply.ok();
  } else if (equals_nocase(args[2], "OFF")) {
    session.set_reply_mode(Session::ReplyMode::off);
  } else if (equals_nocase(args[2], "SKIP")) {
    session.skip_next_reply();
  } else {
    syntax_error(reply);
  }
}

void client_no_evict(Session&, Args args, Reply& reply) {
  if (!equals_nocase(args[2], "ON") && !equals_nocase(args[2], "OFF")) return syntax_error(reply);
  reply.ok();  // no client is evicted for what others use
}

void client_unblock(Session& session, Args args, Reply& reply) {
  if (args.size() > 4) return command::wrong_arity("client|unblock", reply);
  const auto id = command::integer_argument(args[2], reply);
  if (!id) return;
  if (args.size() == 4 && !equals_nocase(args[3], "TIMEOUT") && !equals_nocase(args[3], "ERROR")) {
    return reply.error({Code::err, "CLIENT UNBLOCK reason should be TIMEOUT or ERROR"});
  }
  const bool as_error = args.size() == 4 && equals_nocase(args[3], "ERROR");
  Session* const other = session.context().clients->find(static_cast<std::uint64_t>(*id));
  std::optional<Ticket> waiting;
  if (other != nullptr && (other->caller() == session.caller() || session.may_administer()))
    waiting = other->blocked();
  const bool ended = waiting && session.context().backend->unblock(*waiting, as_error);
  reply.integer(ended ? 1 : 0);
}

/// Whether it may; else the reply says why not.
bool may_pause(Session& session, Reply& reply) {
  if (session.may_administer()) return true;
  reply.error({Code::no_permission, "CLIENT PAUSE needs a service that administers"});
  return false;
}

void client_pause(Session& session, Args args, Reply& reply) {
  if (!may_pause(session, reply)) return;
  Pause pause{.until = {}, .reads = true};
  if (args.size() == 4) {
    pause.reads = equals_nocase(args[3], "ALL");
    if (!pause.reads && !equals_nocase(args[3], "WRITE")) {
      return reply.error({Code::err, "CLIENT PAUSE mode must be WRITE or ALL"});
    }
  } else if (args.size() > 4) {
    return command::wrong_arity("client|pause", reply);
  }
  const auto ms = parse_integer(args[2]);
  if (!ms) return reply.error({Code::err, "timeout is not an integer or out of range"});
  if (*ms < 0) return reply.error({Code::err, "timeout is negative"});
  constexpr std::int64_t century_ms = 100LL * 365 * 24 * 3'600'000;
  pause.until = session.context().backend->monotonic() + Millis(std::min(*ms, century_ms));
  // A pause under way is made longer or stricter, never less.
  Pause& now = session.context().backend->pause();
  if (now.until > session.context().backend->monotonic()) {
    pause.until = std::max(pause.until, now.until);
    pause.reads = pause.reads || now.reads;
  }
  now = pause;
  reply.ok();
}

void client_unpause(Session& session, Args, Reply& reply) {
  if (!may_pause(session, reply)) return;
  session.context().backend->pause() = {};
  reply.ok();
}

void client_help(Session& session, Args args, Reply& reply) {
  write_help(session.context().commands, args[0], reply);
}

constexpr Row rows[] = {
    client_row("CLIENT GETNAME", 2, client_getname, "",
               "The connection's name, null if it has none"),
    client_row("CLIENT HELP", 2, client_help, "", "What CLIENT offers"),
    client_row("CLIENT ID", 2, client_id, "", "The connection's number, never given twice"),
    client_row("CLIENT INFO", 2, client_info, "", "The connection's line of CLIENT LIST"),
    client_row("CLIENT KILL", -3, client_kill,
               "ip:port | [ID client-id] [TYPE type] [USER user] [ADDR ip:port] [LADDR ip:port] "
               "[SKIPME yes | no]",
               "Close connections", flag_admin),
    client_row("CLIENT LIST", -2, client_list, "[TYPE type] [ID client-id [client-id ...]]",
               "A line of facts for each connection", flag_admin),
    client_row("CLIENT NO-EVICT", 3, client_no_evict, "ON | OFF", "Accepted; nobody is evicted",
               flag_admin),
    client_row(
        "CLIENT PAUSE", -3, client_pause, "timeout [WRITE | ALL]",
        "Let commands of keys wait for so many milliseconds: all of them, or those that change any",
        flag_admin),
    client_row("CLIENT REPLY", 3, client_reply, "ON | OFF | SKIP",
               "Whether to answer, or not to answer the next command"),
    client_row("CLIENT SETINFO", 4, client_setinfo, "LIB-NAME name | LIB-VER version",
               "Which client library this is"),
    client_row("CLIENT SETNAME", 3, client_setname, "name", "Name the connection"),
    client_row("CLIENT UNPAUSE", 2, client_unpause, "", "Let them go on", flag_admin),
    client_row("CLIENT UNBLOCK", -3, client_unblock, "client-id [TIMEOUT | ERROR]",
               "End another connection's wait, as if its time were over, or with an error",
               flag_admin),
};

}  // namespace

std::span<const Row> client_rows() {
  return rows;
}

}  // namespace holdfast::server
