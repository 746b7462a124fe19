// SPDX-License-Identifier: Apache-2.0
#include "server/http_gate.h"

#include <absl/strings/match.h>

#include <algorithm>
#include <chrono>

#include "server/http_grammar.h"

namespace holdfast::server {
namespace {

using http::Header;

constexpr std::chrono::seconds remembered_for{10};

/// "127.0.0.1:7380", "[::1]", "localhost:1": the host alone.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    return end == std::string_view::npos ? authority : authority.substr(0, end + 1);
  }
  return authority.substr(0, authority.rfind(':'));
}

bool is_this_machine(std::string_view host) {
  const auto is = [&](absl::string_view name) {
    return absl::EqualsIgnoreCase({host.data(), host.size()}, name);
  };
  const bool numbers = !host.empty() && std::ranges::all_of(host, [](char c) {
    return (c >= '0' && c <= '9') || c == '.';
  });
  return is("localhost") || is("[::1]") || (numbers && host.starts_with("127.")) ||
         absl::EndsWithIgnoreCase({host.data(), host.size()}, ".localhost");
}

bool says_yes(std::string_view value) {
  return value == "?1" || value == "1" ||
         absl::EqualsIgnoreCase({value.data(), value.size()}, "true");
}

}  // namespace

Refused refuse_foreign(const http::Request& request, bool checks_host) {
  const auto host = request.header(Header::host);
  if (const auto site = request.header(Header::sec_fetch_site);
      site && *site != "same-origin" && *site != "none")
    return problem(403, "this comes from a page of another site");
  if (const auto origin = request.header(Header::origin)) {
    const std::size_t scheme = origin->find("://");
    if (scheme == std::string_view::npos || !host || origin->substr(scheme + 3) != *host)
      return problem(403, "this comes from a page of another site");
  }
  if (checks_host && host && !is_this_machine(host_of(*host))) {
    return problem(403,
                   "the Host is none of this machine's own (localhost, 127.0.0.1, [::1]), and "
                   "nobody has to sign in here");
  }
  return {};
}

Refused refuse_other_types(const http::Request& request, bool signed_in) {
  if (signed_in) return {};
  std::string_view type = request.header(Header::content_type).value_or("");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  if (http::equals_nocase(type, json_type)) return {};
  return problem(415, "say Content-Type: application/json, or sign in by Authorization: Bearer");
}

Result<std::vector<std::string>> wrapping_of(const http::Request& request) {
  std::vector<std::string> words;
  const auto wrap = [&](std::string_view name, std::string_view argument) {
    words.emplace_back(name);
    if (!argument.empty()) words.emplace_back(argument);
  };
  auto token = request.header(Header::holdfast_token);
  if (!token || token->empty()) token = request.header(Header::upstash_sync_token);
  if (token && !token->empty()) wrap("AFTER", *token);
  if (const auto key = request.header(Header::idempotency_key)) {
    const auto id = http::request_id_of(*key);
    if (!id) return tl::unexpected(id.error());
    wrap("ONCE", *id);
  }
  if (const auto local = request.header(Header::holdfast_local); local && says_yes(*local))
    wrap("LOCAL", {});
  if (const auto fresh = request.header(Header::holdfast_fresh_within)) {
    if (fresh->empty()) return fail(Code::err, "Holdfast-Fresh-Within takes milliseconds");
    wrap("FRESH", *fresh);
  }
  return words;
}

Result<ServiceId> BearerCheck::caller(const http::Request& request, Backend& backend,
                                      std::string_view address) {
  const auto authorization = request.header(Header::authorization);
  if (!authorization || !backend.must_sign_in()) return ServiceId{};
  if (*authorization == shown_ && services_version_ == backend.services_version() &&
      backend.monotonic() - at_ < remembered_for)
    return as_;
  const auto token = http::bearer_token(*authorization);
  if (!token) return fail(Code::no_auth, "Authorization: only Bearer and a service's token");
  auto service = backend.sign_in({}, *token, address);
  if (!service) {
    shown_.clear();
    return service;
  }
  shown_ = *authorization;
  as_ = *service;
  services_version_ = backend.services_version();
  at_ = backend.monotonic();
  return as_;
}

}  // namespace holdfast::server
