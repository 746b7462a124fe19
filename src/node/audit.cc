// SPDX-License-Identifier: Apache-2.0
#include "node/audit.h"

#include <nlohmann/json.hpp>

namespace holdfast::node {
namespace {

using Json = nlohmann::ordered_json;

/// Where the operations that carry a token's hash have it (catalog/service_rows.cc).
constexpr std::size_t hash_argument = 3;

std::string line_of(const Json& fields) {
  return fields.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// "OK", or an error's text.
std::string_view outcome_of(std::string_view reply) {
  const bool error = reply.starts_with('-');
  return error ? reply.substr(1, reply.find('\r') - 1) : "OK";
}

}  // namespace

void Audit::applied(Instant at, Position position, std::string_view service, const Row& row,
                    Args args, std::string_view reply) {
  const bool internal = (row.flags & flag_internal) != 0;
  if ((row.flags & flag_write_catalog) == 0) return;
  if (internal && row.group != "service") return;  // nodes among themselves
  Json words = Json::array();
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (!internal || i != hash_argument) words.push_back(std::string(args[i]));
  }
  write_(line_of({{"time-ms", to_ms(at)},
                  {"event", "catalog"},
                  {"position", position.value},
                  {"service", std::string(service)},
                  {"command", std::move(words)},
                  {"outcome", std::string(outcome_of(reply))}}));
}

void Audit::refused(Instant at, std::string_view service, std::string_view from,
                    std::string_view what, std::string_view why) {
  const std::int64_t second = to_ms(at) / 1'000;
  if (second != second_) {
    if (refusals_ > refusals_per_second_max) {
      write_(line_of({{"time-ms", to_ms(at)},
                      {"event", "more-refused"},
                      {"count", refusals_ - refusals_per_second_max}}));
    }
    second_ = second;
    refusals_ = 0;
  }
  if (++refusals_ > refusals_per_second_max) return;
  write_(line_of({{"time-ms", to_ms(at)},
                  {"event", "refused"},
                  {"service", std::string(service)},
                  {"from", std::string(from)},
                  {"command", std::string(what)},
                  {"outcome", std::string(why)}}));
}

}  // namespace holdfast::node
