// SPDX-License-Identifier: Apache-2.0
#include "node/engine.h"

#include <fmt/format.h>

#include <charconv>

namespace holdfast::node {
namespace {

constexpr std::string_view etcd_scheme = "etcd://";

bool is_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc() && end == port.data() + port.size() && number != 0;
}

}  // namespace

Result<Engine> parse_engine(std::string_view text, std::span<const std::string> peers) {
  Engine engine;
  engine.peers = !peers.empty();
  if (engine.peers && text != "embedded")
    return fail(Code::err, "--peers is for nodes without an engine: etcd tells who the others are");
  for (const std::string& peer : peers) {
    if (!is_host_and_port(peer))
      return fail(Code::err, fmt::format("--peers: '{}' is not HOST:PORT", peer));
  }
  if (text == "embedded") return engine;
  if (!text.starts_with(etcd_scheme)) {
    return fail(Code::err, fmt::format("unknown engine '{}': there are embedded and "
                                       "etcd://HOST:PORT,HOST:PORT,…",
                                       text));
  }
  std::string_view rest = text.substr(etcd_scheme.size());
  while (true) {
    const std::size_t comma = rest.find(',');
    const std::string_view endpoint = rest.substr(0, comma);
    if (!is_host_and_port(endpoint))
      return fail(Code::err, fmt::format("engine: '{}' is not HOST:PORT", endpoint));
    engine.etcd.emplace_back(endpoint);
    if (comma == std::string_view::npos) return engine;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace holdfast::node
