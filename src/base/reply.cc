// SPDX-License-Identifier: Apache-2.0
#include "base/reply.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace holdfast {
namespace {

// A line's text must not hold a line break: it would end the reply early and
// let a caller's bytes be read as a second one.
void append_line_text(std::string& out, std::string_view text) {
  for (const char c : text) out.push_back(c == '\r' || c == '\n' ? ' ' : c);
}

}  // namespace

std::string_view double_text(double value, DoubleText& room) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (std::isnan(value)) return "nan";
  constexpr int digits = 17;  // that many tell any two doubles apart
  const auto end = std::to_chars(room.bytes, room.bytes + sizeof(room.bytes), value,
                                 std::chars_format::general, digits)
                       .ptr;
  return {room.bytes, static_cast<std::size_t>(end - room.bytes)};
}

void Reply::header(char kind, std::int64_t n) {
  char line[24];
  line[0] = kind;
  char* end = std::to_chars(line + 1, line + sizeof(line) - 2, n).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out_.append(line, static_cast<std::size_t>(end - line));
}

void Reply::simple(std::string_view text) {
  out_.push_back('+');
  append_line_text(out_, text);
  out_.append("\r\n", 2);
}

void Reply::error(const Error& error) {
  out_.push_back('-');
  out_.append(row_of(error.code).resp);
  out_.push_back(' ');
  append_line_text(out_, error.message);
  out_.append("\r\n", 2);
}

void Reply::raw_error(std::string_view text) {
  out_.push_back('-');
  append_line_text(out_, text);
  out_.append("\r\n", 2);
}

void Reply::integer(std::int64_t value) {
  header(':', value);
}

void Reply::bulk(std::string_view bytes) {
  header('$', static_cast<std::int64_t>(bytes.size()));
  out_.append(bytes);
  out_.append("\r\n", 2);
}

void Reply::null() {
  out_.append("$-1\r\n", 5);
}
void Reply::null_array() {
  out_.append("*-1\r\n", 5);
}
void Reply::boolean(bool value) {
  out_.append(value ? "#t\r\n" : "#f\r\n", 4);
}

void Reply::real(double value) {
  DoubleText room;
  out_.push_back(',');
  out_.append(double_text(value, room));
  out_.append("\r\n", 2);
}

void Reply::bulk_real(double value) {
  DoubleText room;
  bulk(double_text(value, room));
}

void Reply::verbatim_text(std::string_view text) {
  header('=', static_cast<std::int64_t>(text.size() + 4));
  out_.append("txt:", 4);
  out_.append(text);
  out_.append("\r\n", 2);
}

void Reply::array(std::size_t n) {
  header('*', static_cast<std::int64_t>(n));
}
void Reply::map(std::size_t n) {
  header('%', static_cast<std::int64_t>(n));
}
void Reply::set(std::size_t n) {
  header('~', static_cast<std::int64_t>(n));
}
void Reply::push(std::size_t n) {
  header('>', static_cast<std::int64_t>(n));
}

}  // namespace holdfast
