// SPDX-License-Identifier: Apache-2.0
#include "server/json_scanner.h"

#include <charconv>

namespace holdfast::server {
namespace {

constexpr std::string_view no_json = "there is no JSON value here";

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto add = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
}

}  // namespace

// Unicode 15, table 3-7.
std::size_t utf8_character(std::string_view text, std::size_t at) {
  const std::uint8_t first = byte_at(text, at);
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;   // shorter forms
    if (first == 0xED) high = 0x9F;  // surrogates
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;  // beyond Unicode
  } else {
    return 0;
  }
  if (text.size() - at < length) return 0;
  if (byte_at(text, at + 1) < low || byte_at(text, at + 1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte_at(text, at + i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

JsonScanner::Kind JsonScanner::next() {
  if (!why_.empty()) return Kind::bad;
  skip_space();
  began_ = at_;
  if (at_ == text_.size()) {
    return due_ == Due::nothing ? Kind::end : bad("the JSON is cut off", at_);
  }
  const char c = text_[at_];
  switch (due_) {
    case Due::nothing:
      return bad("something follows the JSON", at_);
    case Due::comma:
      if (c == ']' || c == '}') return close();
      if (c != ',') return bad("a comma, or an end, is missing here", at_);
      ++at_;
      due_ = objects_[depth_ - 1] ? Due::name : Due::value;
      return next();
    case Due::first_value:
      return c == ']' ? close() : value();
    case Due::value:
      return value();
    case Due::first_name:
      return c == '}' ? close() : name();
    case Due::name:
      return name();
  }
  return Kind::bad;
}

JsonScanner::Kind JsonScanner::value() {
  switch (text_[at_]) {
    case '[':
      return open(false);
    case '{':
      return open(true);
    case '"':
      return string() ? given(Kind::string) : Kind::bad;
    case 't':
      return word("true", Kind::yes);
    case 'f':
      return word("false", Kind::no);
    case 'n':
      return word("null", Kind::null);
    default:
      return number();
  }
}

JsonScanner::Kind JsonScanner::given(Kind kind) {
  due_ = depth_ == 0 ? Due::nothing : Due::comma;
  return kind;
}

JsonScanner::Kind JsonScanner::open(bool object) {
  if (depth_ == limits::json_depth_max) return bad("it is nested too deep", at_);
  objects_[depth_++] = object;
  ++at_;
  due_ = object ? Due::first_name : Due::first_value;
  return object ? Kind::begin_object : Kind::begin_array;
}

JsonScanner::Kind JsonScanner::close() {
  const bool object = objects_[depth_ - 1];
  if ((text_[at_] == '}') != object) return bad("this ends something else", at_);
  ++at_;
  --depth_;
  return given(object ? Kind::end_object : Kind::end_array);
}

JsonScanner::Kind JsonScanner::name() {
  if (text_[at_] != '"') return bad("a name is missing here", at_);
  if (!string()) return Kind::bad;
  skip_space();
  if (at_ == text_.size() || text_[at_] != ':') return bad("a colon is missing here", at_);
  ++at_;
  due_ = Due::value;
  return Kind::name;
}

bool JsonScanner::string() {
  const std::size_t begin = ++at_;
  bool escaped = false;
  std::size_t copied = begin;  // of a string with escapes: up to here it is in unescaped_
  while (at_ < text_.size()) {
    const std::uint8_t c = byte_at(text_, at_);
    if (c == '"') {
      if (escaped) {
        unescaped_.append(text_, copied, at_ - copied);
        value_ = unescaped_;
      } else {
        value_ = text_.substr(begin, at_ - begin);
      }
      ++at_;
      return true;
    }
    if (c == '\\') {
      if (!escaped) unescaped_.clear();
      escaped = true;
      unescaped_.append(text_, copied, at_ - copied);
      if (!escape()) return false;
      copied = at_;
    } else if (c < 0x20) {
      bad("a control character stands in a string", at_);
      return false;
    } else if (c < 0x80) {
      ++at_;
    } else {
      const std::size_t length = utf8_character(text_, at_);
      if (length == 0) {
        bad("the bytes here are no UTF-8", at_);
        return false;
      }
      at_ += length;
    }
  }
  bad("a string has no end", began_);
  return false;
}

bool JsonScanner::escape() {
  constexpr std::string_view letters = "\"\\/bfnrt";
  constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
  if (at_ + 1 < text_.size()) {
    const char c = text_[at_ + 1];
    if (c == 'u') return unicode_escape();
    if (const std::size_t which = letters.find(c); which != std::string_view::npos) {
      unescaped_.push_back(meanings[which]);
      at_ += 2;
      return true;
    }
  }
  bad("there is no such escape", at_);
  return false;
}

bool JsonScanner::unicode_escape() {
  const std::size_t began = at_;
  std::uint32_t code = 0;
  std::uint32_t low = 0;
  if (!hex4(code)) {
    bad("\\u takes four hexadecimal digits", began);
    return false;
  }
  const bool high_surrogate = code >= 0xD800 && code <= 0xDBFF;
  if (high_surrogate) {
    if (!hex4(low) || low < 0xDC00 || low > 0xDFFF) {
      bad("half of a surrogate pair", began);
      return false;
    }
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  } else if (code >= 0xDC00 && code <= 0xDFFF) {
    bad("half of a surrogate pair", began);
    return false;
  }
  append_utf8(unescaped_, code);
  return true;
}

/// `\uXXXX` at at_.
bool JsonScanner::hex4(std::uint32_t& out) {
  constexpr std::size_t length = 6;
  if (text_.size() - at_ < length || text_[at_] != '\\' || text_[at_ + 1] != 'u') return false;
  const char* const begin = text_.data() + at_ + 2;
  const auto [end, error] = std::from_chars(begin, begin + 4, out, 16);
  if (error != std::errc() || end != begin + 4) return false;
  at_ += length;
  return true;
}

std::size_t JsonScanner::digits() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ - begin;
}

JsonScanner::Kind JsonScanner::number() {
  const std::size_t begin = at_;
  if (text_[at_] == '-') ++at_;
  const bool leading_zero = at_ < text_.size() && text_[at_] == '0';
  const std::size_t whole = digits();
  if (whole == 0) return bad(no_json, begin);
  if (leading_zero && whole > 1) return bad("a number begins with 0", begin);
  if (at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    if (digits() == 0) return bad("a number ends in its point", begin);
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    if (digits() == 0) return bad("a number has no exponent behind its e", begin);
  }
  value_ = text_.substr(begin, at_ - begin);
  return given(Kind::number);
}

JsonScanner::Kind JsonScanner::word(std::string_view word, Kind kind) {
  if (!text_.substr(at_).starts_with(word)) return bad(no_json, at_);
  value_ = text_.substr(at_, word.size());
  at_ += word.size();
  return given(kind);
}

JsonScanner::Kind JsonScanner::bad(std::string_view why, std::size_t at) {
  why_ = why;
  began_ = at;
  return Kind::bad;
}

void JsonScanner::skip_space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
    ++at_;
  }
}

}  // namespace holdfast::server
