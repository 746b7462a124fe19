// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <vector>

#include "command/parse.h"
#include "server/client_row.h"
#include "server/session.h"
#include "server/session_cache.h"
#include "server/session_rows.h"
#include "value/value.h"

namespace holdfast::server {
namespace {

using command::equals_nocase;

void refuse(std::string_view why, Reply& reply) {
  reply.error({Code::err, std::string(why)});
}

struct Asked {
  TrackingMode mode;
  std::uint64_t redirect = 0;
};

/// The options behind ON; nothing, and the error written, if they are none.
std::optional<Asked> asked(Args args, Reply& reply) {
  Asked all;
  for (std::size_t i = 3; i < args.size(); ++i) {
    if (equals_nocase(args[i], "BCAST")) {
      all.mode.broadcasts = true;
    } else if (equals_nocase(args[i], "OPTIN")) {
      all.mode.opts_in = true;
    } else if (equals_nocase(args[i], "OPTOUT")) {
      all.mode.opts_out = true;
    } else if (equals_nocase(args[i], "NOLOOP")) {
      all.mode.no_loop = true;
    } else if (equals_nocase(args[i], "PREFIX") && i + 1 < args.size()) {
      all.mode.prefixes.emplace_back(args[++i]);
    } else if (equals_nocase(args[i], "REDIRECT") && i + 1 < args.size()) {
      const auto id = command::integer_argument(args[++i], reply);
      if (!id) return std::nullopt;
      if (all.redirect != 0) {
        refuse("A client can only redirect to a single other client", reply);
        return std::nullopt;
      }
      all.redirect = static_cast<std::uint64_t>(*id);
    } else {
      reply.raw_error(command::errors::syntax);
      return std::nullopt;
    }
  }
  return all;
}

/// Why such a mode is none, or none that may follow the one that is; empty: it may.
std::string_view mistake(const TrackingMode& next, const TrackingMode* now) {
  if (!next.prefixes.empty() && !next.broadcasts)
    return "PREFIX option requires BCAST mode to be enabled";
  if (now != nullptr && now->broadcasts != next.broadcasts) {
    return "You can't switch BCAST mode on/off before disabling tracking for this client, and then "
           "re-enabling it with a different mode.";
  }
  if (next.broadcasts && (next.opts_in || next.opts_out))
    return "OPTIN and OPTOUT are not compatible with BCAST";
  if (next.opts_in && next.opts_out) return "You can't specify both OPTIN mode and OPTOUT mode";
  if (now != nullptr && ((next.opts_in && now->opts_out) || (next.opts_out && now->opts_in))) {
    return "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
           "re-enabling it with a different mode.";
  }
  return {};
}

void client_tracking(Session& session, Args args, Reply& reply) {
  if (session.is_http()) return refuse("over HTTP nobody can be told of changes", reply);
  if (equals_nocase(args[2], "OFF")) {
    session.end_cache();
    return reply.ok();
  }
  if (!equals_nocase(args[2], "ON")) return reply.raw_error(command::errors::syntax);
  auto all = asked(args, reply);
  if (!all) return;
  const SessionCache* const cache = session.cache();
  const std::string_view wrong = mistake(all->mode, cache == nullptr ? nullptr : &cache->mode());
  if (!wrong.empty()) return refuse(wrong, reply);
  const Result<bool> may = session.context().backend->may_keep_cache(session.waiting_since());
  if (!may) return reply.error(may.error());
  if (!*may) return session.run_again();
  if (Status s = session.begin_cache(std::move(all->mode), all->redirect); !s)
    return reply.error(s.error());
  reply.ok();
}

void client_caching(Session& session, Args args, Reply& reply) {
  const bool yes = equals_nocase(args[2], "YES");
  if (session.cache() == nullptr) {
    return refuse(
        "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or "
        "OPTOUT mode enabled",
        reply);
  }
  if (!yes && !equals_nocase(args[2], "NO")) return reply.raw_error(command::errors::syntax);
  if (Status s = session.cache()->set_caching(yes); !s) return reply.error(s.error());
  reply.ok();
}

std::int64_t redirect_of(const SessionCache* cache) {
  return cache == nullptr ? -1 : static_cast<std::int64_t>(cache->redirect());
}

void client_getredir(Session& session, Args, Reply& reply) {
  reply.integer(redirect_of(session.cache()));
}

std::vector<std::string_view> flags_of(const SessionCache* cache) {
  if (cache == nullptr) return {"off"};
  const TrackingMode& mode = cache->mode();
  std::vector<std::string_view> flags{"on"};
  if (mode.broadcasts) flags.push_back("bcast");
  if (mode.opts_in) flags.push_back("optin");
  if (cache->caching() == true) flags.push_back("caching-yes");
  if (mode.opts_out) flags.push_back("optout");
  if (cache->caching() == false) flags.push_back("caching-no");
  if (mode.no_loop) flags.push_back("noloop");
  if (cache->is_broken()) flags.push_back("broken_redirect");
  return flags;
}

void client_trackinginfo(Session& session, Args, Reply& reply) {
  const SessionCache* const cache = session.cache();
  const auto flags = flags_of(cache);
  reply.map(3);
  reply.bulk("flags");
  reply.set(flags.size());
  for (const std::string_view flag : flags) reply.bulk(flag);
  reply.bulk("redirect");
  reply.integer(redirect_of(cache));
  reply.bulk("prefixes");
  static const std::vector<std::string> none;
  const std::vector<std::string>& prefixes = cache == nullptr ? none : cache->mode().prefixes;
  reply.array(prefixes.size());
  for (const std::string& prefix : prefixes) reply.bulk(prefix);
}

constexpr Row rows[] = {
    client_row("CLIENT CACHING", 3, client_caching, "YES | NO",
               "Whether the keys that the next command reads are followed"),
    client_row("CLIENT GETREDIR", 2, client_getredir, "",
               "Who is told of changes instead of this connection; 0: nobody, -1: tracking is off"),
    client_row("CLIENT TRACKING", -3, client_tracking,
               "ON | OFF [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] "
               "[OPTOUT] [NOLOOP]",
               "Be told when keys change that this connection has read"),
    client_row("CLIENT TRACKINGINFO", 2, client_trackinginfo, "", "How tracking is set"),
};

}  // namespace

std::span<const Row> tracking_rows() {
  return rows;
}

}  // namespace holdfast::server
