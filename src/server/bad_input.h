// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

/// Reads ../shared/data/bad-input, for tests.
namespace holdfast::server::bad_input {

inline std::string path(std::string_view name) {
  return std::string(HOLDFAST_SHARED_DATA) + "/bad-input/" + std::string(name);
}

inline std::string from_base64(std::string_view text) {
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    static constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) break;
    bits = bits << 6 | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>(bits >> count & 0xFF));
    }
  }
  return bytes;
}

inline std::string repeated(std::size_t times, std::string_view text) {
  std::string bytes;
  bytes.reserve(times * text.size());
  for (std::size_t i = 0; i < times; ++i) bytes += text;
  return bytes;
}

/// The large cases of resp.jsonl, which the file names without their bytes.
inline std::optional<std::string> large_case(std::string_view name) {
  const std::string ping = "*1\r\n$4\r\nPING\r\n";
  if (name == "inline 64 KiB minus") return "ECHO " + std::string(65'436, 'a') + "\r\n";
  if (name == "inline over 64 KiB without newline") return std::string(65'636, 'a');
  if (name == "inline over 64 KiB with newline") {
    return "ECHO " + std::string(70'000, 'a') + "\r\n";
  }
  if (name == "count line of 70000 digits") return "*" + std::string(70'000, '1');
  if (name == "bulk length line of 70000 digits") return "*1\r\n$" + std::string(70'000, '1');
  if (name == "command name 1 MiB") {
    return "*1\r\n$1048576\r\n" + std::string(1 << 20, 'x') + "\r\n" + ping;
  }
  if (name == "1000 arguments") {
    std::string bytes = "*1000\r\n$4\r\nMGET\r\n";
    for (int i = 0; i < 999; ++i) {
      const std::string key = "k" + std::to_string(i);
      bytes += "$" + std::to_string(key.size()) + "\r\n";
      bytes += key;
      bytes += "\r\n";
    }
    return bytes + ping;
  }
  if (name == "10000 pings at once") return repeated(10'000, ping);
  if (name == "1000 gets of nothing") {
    return repeated(1'000, "*2\r\n$3\r\nGET\r\n$7\r\nnothing\r\n");
  }
  for (const std::size_t size : {16'384U, 16'385U}) {
    if (name != "unauth bulk " + std::to_string(size)) continue;
    return "*2\r\n$3\r\nGET\r\n$" + std::to_string(size) + "\r\n" + std::string(size, 'a') + "\r\n";
  }
  return std::nullopt;
}

/// A record's bytes; nothing when they can be neither read nor made.
inline std::optional<std::string> bytes_of(const nlohmann::json& record) {
  if (record["data"].is_string()) return from_base64(record["data"].get<std::string>());
  auto bytes = large_case(record["name"].get<std::string>());
  if (bytes && bytes->size() != record["bytes"].get<std::size_t>()) return std::nullopt;
  return bytes;
}

}  // namespace holdfast::server::bad_input
