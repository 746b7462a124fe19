// SPDX-License-Identifier: Apache-2.0
#include "cli/reply_scanner.h"

#include <charconv>

namespace holdfast::cli {
namespace {

constexpr int depth_max = 32;

/// Walks one reply; `short_of` when the bytes end before it does.
class Scanner {
 public:
  explicit Scanner(std::string_view bytes) : bytes_(bytes) {}

  enum class End : std::uint8_t { whole, short_of, malformed };

  End element(int depth) {
    if (depth > depth_max) return End::malformed;
    if (at_ == bytes_.size()) return End::short_of;
    const char kind = bytes_[at_++];
    std::string_view line;
    if (const End end = read_line(line); end != End::whole) return end;
    switch (kind) {
      case '-':
        note_error(line);
        return End::whole;
      case '+':
        last_text_ = line;
        return End::whole;
      case ':':
      case '_':
      case '#':
      case ',':
      case '(':
        return End::whole;
      case '$':
      case '=':
      case '!':
        return blob(kind, line);
      case '*':
      case '~':
      case '>':
        reply_.pushed = reply_.pushed || (kind == '>' && depth == 0);
        return elements(line, 1, depth);
      case '%':
        return elements(line, 2, depth);
      case '|':
        return attribute(line, depth);
      default:
        return End::malformed;
    }
  }

  const ScannedReply& reply() {
    reply_.bytes = at_;
    return reply_;
  }

 private:
  End read_line(std::string_view& line) {
    const std::size_t end = bytes_.find("\r\n", at_);
    if (end == bytes_.npos) return End::short_of;
    line = bytes_.substr(at_, end - at_);
    at_ = end + 2;
    return End::whole;
  }

  static bool count(std::string_view line, std::int64_t& n) {
    const char* const end = line.data() + line.size();
    const auto read = std::from_chars(line.data(), end, n);
    return read.ec == std::errc() && read.ptr == end && n >= -1;
  }

  End blob(char kind, std::string_view line) {
    std::int64_t n = 0;
    if (!count(line, n)) return End::malformed;
    if (n < 0) return End::whole;
    if (bytes_.size() - at_ < static_cast<std::uint64_t>(n) + 2) return End::short_of;
    last_text_ = bytes_.substr(at_, static_cast<std::size_t>(n));
    if (kind == '!') note_error(last_text_);
    at_ += static_cast<std::size_t>(n) + 2;
    return End::whole;
  }

  End elements(std::string_view line, std::int64_t each, int depth) {
    std::int64_t n = 0;
    if (!count(line, n)) return End::malformed;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t part = 0; part < each; ++part) {
        if (const End end = element(depth + 1); end != End::whole) return end;
      }
    }
    return End::whole;
  }

  // An attribute stands before the reply that it is about.
  End attribute(std::string_view line, int depth) {
    std::int64_t n = 0;
    if (!count(line, n)) return End::malformed;
    for (std::int64_t i = 0; i < n; ++i) {
      last_text_ = {};
      if (const End end = element(depth + 1); end != End::whole) return end;
      if (last_text_ == "idempotency-replayed") reply_.replayed = true;
      if (const End end = element(depth + 1); end != End::whole) return end;
    }
    return element(depth + 1);
  }

  void note_error(std::string_view text) {
    if (reply_.error.empty()) reply_.error = text;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  std::string_view last_text_;
  ScannedReply reply_;
};

}  // namespace

Result<std::optional<ScannedReply>> scan_reply(std::string_view bytes) {
  Scanner scanner(bytes);
  switch (scanner.element(0)) {
    case Scanner::End::whole:
      return scanner.reply();
    case Scanner::End::short_of:
      return std::nullopt;
    case Scanner::End::malformed:
      break;
  }
  return fail(Code::err, "what the server sent is no reply");
}

std::string_view code_of(std::string_view error) {
  return error.substr(0, error.find(' '));
}

}  // namespace holdfast::cli
