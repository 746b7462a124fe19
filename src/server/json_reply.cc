// SPDX-License-Identifier: Apache-2.0
#include "server/json_reply.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/reply_tokens.h"
#include "server/json_scanner.h"

namespace holdfast::server {
namespace {

constexpr std::int64_t exact_in_a_double = (std::int64_t{1} << 53) - 1;
constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view hex_digits = "0123456789abcdef";

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out.append("\\\"", 2);
      return;
    case '\\':
      out.append("\\\\", 2);
      return;
    case '\n':
      out.append("\\n", 2);
      return;
    case '\r':
      out.append("\\r", 2);
      return;
    case '\t':
      out.append("\\t", 2);
      return;
    default:
      out.append("\\u00", 4);
      out.push_back(hex_digits[static_cast<std::size_t>(c) >> 4]);
      out.push_back(hex_digits[static_cast<std::size_t>(c) & 0xF]);
      return;
  }
}

bool stands_for_itself(char c) {
  return c >= ' ' && c != '"' && c != '\\' && c != '\x7F';
}

bool holds_json(std::string_view field) {
  return field == "input" || field == "result" || field == "definition";
}

bool is_json(std::string_view text) {
  JsonScanner scanner(text);
  JsonScanner::Kind kind{};
  do {
    kind = scanner.next();
  } while (kind != JsonScanner::Kind::end && kind != JsonScanner::Kind::bad);
  return kind == JsonScanner::Kind::end;
}

class Writer {
 public:
  Writer(std::string& out, std::string_view canonical, JsonStyle style)
      : out_(out), in_(canonical), style_(style) {}

  void reply(const Shape& shape) {
    if (style_.resp2 && shape.flat_elements != nullptr) {
      const ReplyToken outer = in_.next();
      if (outer.null) return null();
      list(outer.children, [&](std::size_t i) {
        const bool flat = i < shape.flat_elements->size() && (*shape.flat_elements)[i];
        flat ? flat_value() : value(false);
      });
    } else if (style_.resp2 && shape.flat_pairs) {
      flat_value();
    } else {
      value(true);
    }
  }

 private:
  void null() { out_.append("null", 4); }

  template <typename Element>
  void list(std::size_t n, Element element) {
    out_.push_back('[');
    for (std::size_t i = 0; i < n; ++i) {
      if (i > 0) out_.push_back(',');
      element(i);
    }
    out_.push_back(']');
  }

  void string(std::string_view text) {
    if (!style_.base64) return append_json_string(out_, text);
    out_.push_back('"');
    append_base64(out_, text);
    out_.push_back('"');
  }

  void integer(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool exact = error == std::errc() && number <= exact_in_a_double &&
                       number >= -exact_in_a_double && end == text.data() + text.size();
    exact ? void(out_.append(text)) : string(text);
  }

  void real(std::string_view text) {
    const bool finite = text.find_first_of("in") == std::string_view::npos;  // inf, nan
    !style_.resp2&& finite ? void(out_.append(text)) : string(text);
  }

  void value(bool top) {
    const ReplyToken token = in_.next();
    if (token.null) return null();
    switch (token.kind) {
      case '+':
        // Upstash's clients take this one word as it is, and only by itself.
        if (top && token.text == "OK") return append_json_string(out_, token.text);
        return string(token.text);
      case ':':
        return integer(token.text);
      case ',':
        return real(token.text);
      case '#':
        if (style_.resp2) return out_.push_back(token.text == "t" ? '1' : '0');
        return void(out_.append(token.text == "t" ? "true" : "false"));
      case '_':
        return null();
      case '=':
        return string(token.text.substr(4));  // without "txt:"
      case '%':
        return style_.resp2 ? list(token.children, [&](std::size_t) { value(false); })
                            : object(token.children / 2);
      case '*':
      case '~':
      case '>':
        return list(token.children, [&](std::size_t) { value(false); });
      default:
        return string(token.text);
    }
  }

  void object(std::size_t pairs) {
    out_.push_back('{');
    for (std::size_t i = 0; i < pairs; ++i) {
      if (i > 0) out_.push_back(',');
      const std::size_t at = in_.position();
      const ReplyToken name = in_.next();
      in_.move_to(at);
      in_.skip_value();
      append_json_string(out_, name.text);
      out_.push_back(':');
      style_.embedded&& holds_json(name.text) ? embedded() : value(false);
    }
    out_.push_back('}');
  }

  void embedded() {
    const std::size_t at = in_.position();
    const ReplyToken token = in_.next();
    if (token.kind == '$' && (token.null || token.text.empty())) return null();
    if (token.kind == '$' && is_json(token.text)) return void(out_.append(token.text));
    in_.move_to(at);
    value(false);
  }

  /// An array whose elements that are arrays are spliced into it.
  void flat_value() {
    const std::size_t began = in_.position();
    const ReplyToken outer = in_.next();
    if (outer.kind != '*' || outer.null) {
      in_.move_to(began);
      return value(false);
    }
    bool first = true;
    const auto next = [&] {
      if (!std::exchange(first, false)) out_.push_back(',');
      value(false);
    };
    out_.push_back('[');
    for (std::size_t i = 0; i < outer.children; ++i) {
      const std::size_t at = in_.position();
      const ReplyToken element = in_.next();
      if (element.kind == '*' && !element.null) {
        for (std::size_t j = 0; j < element.children; ++j) next();
      } else {
        in_.move_to(at);
        next();
      }
    }
    out_.push_back(']');
  }

  std::string& out_;
  ReplyTokens in_;
  JsonStyle style_;
};

}  // namespace

void append_json(std::string& out, std::string_view canonical, const Shape& shape,
                 JsonStyle style) {
  if (canonical.empty()) {
    out.append("null", 4);
    return;
  }
  Writer(out, canonical, style).reply(shape);
}

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  std::size_t plain = 0;  // up to here it is in `out`
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (stands_for_itself(c)) {
      ++at;
      continue;
    }
    const bool ascii = static_cast<unsigned char>(c) < 0x80;
    if (!ascii) {
      const std::size_t good = utf8_character(text, at);
      at += good;
      if (good > 0) continue;
    }
    out.append(text, plain, at - plain);
    ascii ? append_escaped(out, c) : void(out.append(replacement));
    plain = ++at;
  }
  out.append(text, plain, text.size() - plain);
  out.push_back('"');
}

void append_base64(std::string& out, std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto at = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t three = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    const std::array<char, 4> four{digits[three >> 18], digits[three >> 12 & 63],
                                   i + 1 < bytes.size() ? digits[three >> 6 & 63] : '=',
                                   i + 2 < bytes.size() ? digits[three & 63] : '='};
    out.append(four.data(), four.size());
  }
}

}  // namespace holdfast::server
