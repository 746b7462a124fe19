// SPDX-License-Identifier: Apache-2.0
#include "cli/operations.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::cli {

Result<Condition> Condition::parse(std::string_view text, std::span<const std::string> columns) {
  const std::size_t sign = text.find('=');
  if (sign == text.npos || sign == 0) {
    return fail(Code::err,
                fmt::format("\"{}\": a condition is column=value or column!=value", text));
  }
  Condition condition;
  condition.equal = text[sign - 1] != '!';
  condition.value = text.substr(sign + 1);
  const std::string_view name = text.substr(0, condition.equal ? sign : sign - 1);
  const auto column = std::find(columns.begin(), columns.end(), name);
  if (column == columns.end()) {
    return fail(Code::err, fmt::format("\"{}\": no such column; there are {}", text,
                                       fmt::join(columns, ", ")));
  }
  condition.column = static_cast<std::size_t>(column - columns.begin());
  return condition;
}

Result<Operations> Operations::open(std::string_view text, const Options& options) {
  Operations made(text, options);
  std::vector<std::string> columns = options.columns;
  if (columns.empty()) {
    const auto header = made.reader_.next();
    if (!header) return tl::unexpected(header.error());
    if (!*header) return fail(Code::err, "the file is empty: its first line must name the columns");
    columns.assign((*header)->begin(), (*header)->end());
    made.header_ = true;
  }
  made.columns_ = columns.size();
  for (const std::string& text_of_one : options.conditions) {
    auto condition = Condition::parse(text_of_one, columns);
    if (!condition) return tl::unexpected(condition.error());
    made.conditions_.push_back(*std::move(condition));
  }
  auto parsed = OperationTemplate::parse(options.commands, options.id, columns);
  if (!parsed) return tl::unexpected(parsed.error());
  made.template_ = *std::move(parsed);
  return made;
}

Result<std::optional<Operations::Operation>> Operations::next() {
  while (pass_ < repeat_) {
    const auto fields = reader_.next();
    ++row_;
    const auto about_row = [this](const Error& error) {
      return fail(error.code, fmt::format("row {}: {}", row_, error.message));
    };
    if (!fields) return about_row(fields.error());
    if (!*fields) {
      row_ = 0;
      if (++pass_ == repeat_) break;
      reader_.rewind();
      if (header_) static_cast<void>(reader_.next());
      continue;
    }
    if ((*fields)->size() != columns_) {
      return about_row({Code::err, fmt::format("{} fields where {} columns are named (line {})",
                                               (*fields)->size(), columns_, reader_.line())});
    }
    const bool wanted =
        std::all_of(conditions_.begin(), conditions_.end(),
                    [&](const Condition& c) { return c.holds((**fields)[c.column]); });
    if (!wanted) continue;
    Operation operation{{}, row_};
    if (Status made = template_.append({**fields, row_}, operation.requests); !made) {
      return about_row(made.error());
    }
    return operation;
  }
  return std::nullopt;
}

double Operations::progress() const {
  if (pass_ >= repeat_ || size_ == 0) return 1;
  const double pass = static_cast<double>(reader_.offset()) / static_cast<double>(size_);
  return (static_cast<double>(pass_) + pass) / static_cast<double>(repeat_);
}

}  // namespace holdfast::cli
