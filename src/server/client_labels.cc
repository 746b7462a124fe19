// SPDX-License-Identifier: Apache-2.0
#include "server/client_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/limits.h"
#include "command/parse.h"
#include "server/session_cache.h"

namespace holdfast::server {
namespace {

// Names stand in lines of `field=value` that programs take apart.
bool is_label(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

Status check_label(std::string_view what, std::string_view text) {
  if (!is_label(text)) {
    return fail(Code::err,
                fmt::format("{} cannot contain spaces, newlines or special characters.", what));
  }
  if (text.size() > limits::client_name_bytes_max) {
    return fail(Code::err, fmt::format("{} is longer than {} characters", what,
                                       limits::client_name_bytes_max));
  }
  return {};
}

// As Redis writes them.
std::string flags_of(const Session& session) {
  std::string flags;
  if (session.is_subscribed()) flags += 'P';
  if (session.blocked()) flags += 'b';
  if (session.in_transaction()) flags += 'x';
  if (const SessionCache* const cache = session.cache()) {
    flags += 't';
    if (cache->is_broken()) flags += 'R';
    if (cache->mode().broadcasts) flags += 'B';
  }
  return flags.empty() ? "N" : flags;
}

std::int64_t redirect_of(const Session& session) {
  return session.cache() == nullptr ? -1 : static_cast<std::int64_t>(session.cache()->redirect());
}

}  // namespace

Status set_client_name(Session& session, std::string_view name) {
  if (Status s = check_label("Client names", name); !s) return s;
  session.labels().name = name;
  return {};
}

Status set_client_library(Session& session, std::string_view what, std::string_view value) {
  const bool is_name = command::equals_nocase(what, "LIB-NAME");
  if (!is_name && !command::equals_nocase(what, "LIB-VER")) {
    return fail(Code::err, fmt::format("Unrecognized option '{}'", what.substr(0, 128)));
  }
  if (Status s = check_label(is_name ? "lib-name" : "lib-ver", value); !s) return s;
  (is_name ? session.labels().library_name : session.labels().library_version) = value;
  return {};
}

std::string client_line(const Session& session, Instant now) {
  const Session::Facts facts = session.facts();
  const Session::Labels& labels = session.labels();
  const auto seconds_since = [now](Instant then) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - then).count();
    return std::max<std::int64_t>(seconds, 0);  // the clock may have been set back
  };
  const std::size_t memory = facts.input_memory + facts.output_memory + facts.queued_bytes;
  return fmt::format(
      "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db=0 sub={} psub={} ssub={} "
      "multi={} qbuf={} qbuf-free={} argv-mem=0 multi-mem={} rbs={} rbp=0 obl={} oll={} omem={} "
      "tot-mem={} events=r cmd={} user=default redir={} resp={} lib-name={} lib-ver={} protocol={}",
      session.peer().id, session.peer().address, session.peer().local_address,
      session.peer().descriptor, labels.name, seconds_since(facts.since),
      seconds_since(facts.last_active), flags_of(session), session.count(Topic::channel),
      session.count(Topic::pattern), session.count(Topic::shard_channel),
      session.in_transaction() ? static_cast<std::int64_t>(session.queued_commands()) : -1,
      facts.input_bytes, facts.input_room, facts.queued_bytes, facts.output_memory,
      facts.output_bytes, facts.replies_owed, facts.output_memory, memory,
      facts.last_command == nullptr ? "NULL" : command::redis_name(facts.last_command->name),
      redirect_of(session), session.form() == Form::resp3 ? 3 : 2, labels.library_name,
      labels.library_version, session.is_http() ? "http" : "resp");
}

}  // namespace holdfast::server
