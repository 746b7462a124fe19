// SPDX-License-Identifier: Apache-2.0
#include "cli/row_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/request_id.h"
#include "cli/decimal.h"

namespace holdfast::cli {
namespace {

std::string join(std::span<const std::string> columns) {
  return fmt::format("{}", fmt::join(columns, ", "));
}

void append_bulk(std::string& out, std::string_view bytes) {
  fmt::format_to(std::back_inserter(out), "${}\r\n", bytes.size());
  out.append(bytes);
  out.append("\r\n", 2);
}

void append_array(std::string& out, std::size_t n) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", n);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

// -- RowTemplate

Result<RowTemplate::Part> RowTemplate::parse_place(std::string_view place,
                                                   std::span<const std::string> columns) {
  Part part;
  const auto column_of = [&](std::string_view name) {
    return std::find(columns.begin(), columns.end(), name);
  };
  if (place == "#row") {
    part.kind = Part::Kind::row_number;
    return part;
  }
  auto column = column_of(place);
  part.kind = Part::Kind::field;
  // A column may have a star in its name; as a whole it comes first.
  if (const auto star = place.rfind('*'); column == columns.end() && star != place.npos) {
    const std::string_view factor = place.substr(star + 1);
    const char* const end = factor.data() + factor.size();
    const auto read = std::from_chars(factor.data(), end, part.factor);
    if (read.ec != std::errc() || read.ptr != end) {
      return fail(Code::err, fmt::format("{{{}}}: a field is multiplied by a whole number", place));
    }
    column = column_of(place.substr(0, star));
    part.kind = Part::Kind::scaled;
  }
  if (column == columns.end()) {
    return fail(Code::err,
                fmt::format("{{{}}}: no such column; there are {}", place, join(columns)));
  }
  part.column = static_cast<std::size_t>(column - columns.begin());
  return part;
}

Result<RowTemplate> RowTemplate::parse(std::string_view text,
                                       std::span<const std::string> columns) {
  RowTemplate made;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) made.parts_.push_back({Part::Kind::text, std::exchange(literal, {})});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      literal.push_back(c);
      ++i;
    } else if (c == '{') {
      const std::size_t close = text.find('}', i);
      if (close == text.npos) {
        return fail(Code::err, fmt::format("\"{}\": a {{ without its }}; {{{{ is a brace", text));
      }
      auto part = parse_place(text.substr(i + 1, close - i - 1), columns);
      if (!part) return tl::unexpected(part.error());
      end_literal();
      made.parts_.push_back(*std::move(part));
      i = close;
    } else if (c == '}') {
      return fail(Code::err, fmt::format("\"{}\": a }} without its {{; }}}} is a brace", text));
    } else {
      literal.push_back(c);
    }
  }
  end_literal();
  return made;
}

Status RowTemplate::expand(const Row& row, std::string& out) const {
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Part::Kind::text:
        out.append(part.text);
        break;
      case Part::Kind::row_number:
        fmt::format_to(std::back_inserter(out), "{}", row.number);
        break;
      case Part::Kind::field:
        out.append(row.fields[part.column]);
        break;
      case Part::Kind::scaled: {
        const auto scaled = scale_decimal(row.fields[part.column], part.factor);
        if (!scaled) return tl::unexpected(scaled.error());
        fmt::format_to(std::back_inserter(out), "{}", *scaled);
        break;
      }
    }
  }
  return {};
}

// -- OperationTemplate

Result<OperationTemplate::Command> OperationTemplate::parse_command(
    std::string_view line, std::span<const std::string> columns) {
  const auto words = split_line(line);
  if (!words) return tl::unexpected(words.error());
  if (words->empty()) return fail(Code::err, "a command is empty");
  Command command;
  for (const std::string& word : *words) {
    auto argument = RowTemplate::parse(word, columns);
    if (!argument) return tl::unexpected(argument.error());
    command.push_back(*std::move(argument));
  }
  return command;
}

Result<OperationTemplate> OperationTemplate::parse(std::span<const std::string> commands,
                                                   const std::optional<std::string>& id,
                                                   std::span<const std::string> columns) {
  OperationTemplate made;
  for (const std::string& line : commands) {
    auto command = parse_command(line, columns);
    if (!command) return tl::unexpected(command.error());
    made.commands_.push_back(*std::move(command));
  }
  if (made.commands_.empty()) return fail(Code::err, "there is no command");
  if (id) {
    auto parsed = RowTemplate::parse(*id, columns);
    if (!parsed) return tl::unexpected(parsed.error());
    made.id_ = *std::move(parsed);
  }
  return made;
}

Status OperationTemplate::append_command(const Command& command, const Row& row,
                                         std::string_view id, std::string& out) const {
  append_array(out, command.size() + (id.empty() ? 0 : 2));
  if (!id.empty()) {
    append_bulk(out, "ONCE");
    append_bulk(out, id);
  }
  std::string argument;
  for (const RowTemplate& each : command) {
    argument.clear();
    if (Status expanded = each.expand(row, argument); !expanded) return expanded;
    append_bulk(out, argument);
  }
  return {};
}

Status OperationTemplate::append(const Row& row, std::string& out) const {
  std::string id;
  if (id_) {
    if (Status expanded = id_->expand(row, id); !expanded) return expanded;
    if (!is_request_id(id)) {
      return fail(Code::err, fmt::format("\"{}\" is no request id: 1 to 64 printable ASCII "
                                         "characters without spaces",
                                         id));
    }
  }
  if (commands_.size() == 1) return append_command(commands_[0], row, id, out);
  append_array(out, 1);
  append_bulk(out, "MULTI");
  for (const Command& command : commands_) {
    if (Status appended = append_command(command, row, {}, out); !appended) return appended;
  }
  append_array(out, id.empty() ? 1 : 3);
  if (!id.empty()) {
    append_bulk(out, "ONCE");
    append_bulk(out, id);
  }
  append_bulk(out, "EXEC");
  return {};
}

// -- Words

Result<std::vector<std::string>> split_line(std::string_view line) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  std::vector<std::string> words;
  std::size_t i = 0;
  while (true) {
    while (i < line.size() && is_space(line[i])) ++i;
    if (i == line.size()) return words;
    std::string& word = words.emplace_back();
    while (i < line.size() && !is_space(line[i])) {
      const char quote = line[i];
      if (quote != '"' && quote != '\'') {
        word.push_back(line[i++]);
        continue;
      }
      for (++i; i < line.size() && line[i] != quote; ++i) {
        if (line[i] != '\\' || i + 1 == line.size()) {
          word.push_back(line[i]);
          continue;
        }
        const char escaped = line[++i];
        if (quote == '\'') {
          if (escaped != '\'') word.push_back('\\');
          word.push_back(escaped);
        } else if (escaped == 'x' && i + 2 < line.size() && hex_digit(line[i + 1]) >= 0 &&
                   hex_digit(line[i + 2]) >= 0) {
          word.push_back(static_cast<char>(hex_digit(line[i + 1]) * 16 + hex_digit(line[i + 2])));
          i += 2;
        } else {
          static constexpr std::string_view letters = "nrtba";
          static constexpr std::string_view meanings = "\n\r\t\b\a";
          const std::size_t letter = letters.find(escaped);
          word.push_back(letter == letters.npos ? escaped : meanings[letter]);
        }
      }
      if (i == line.size()) return fail(Code::err, fmt::format("{}: a quote has no end", line));
      ++i;
    }
  }
}

}  // namespace holdfast::cli
