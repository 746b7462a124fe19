// SPDX-License-Identifier: Apache-2.0
#include "cli/csv.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::cli {

CsvReader::CsvReader(std::string_view text, Options options) : text_(text), options_(options) {
  if (text_.starts_with("\xEF\xBB\xBF")) begin_ = 3;
  rewind();
}

void CsvReader::rewind() {
  at_ = begin_;
  line_ = 0;
  next_line_ = 1;
}

bool CsvReader::at_line_end() const {
  return at_ >= text_.size() || text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n";
}

void CsvReader::skip_line_end() {
  if (at_ >= text_.size()) return;
  at_ += text_[at_] == '\n' ? 1 : 2;
  ++next_line_;
}

Status CsvReader::read_quoted(std::vector<std::string_view>& fields) {
  const char quote = *options_.quote;
  const std::size_t begin = ++at_;
  std::string* copy = nullptr;  // made at the first doubled quote
  while (true) {
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) {
      at_ = text_.size();
      return fail(Code::err, fmt::format("line {}: a quoted field has no end", line_));
    }
    const std::string_view part = text_.substr(at_, end - at_);
    next_line_ += static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
    if (copy != nullptr) copy->append(part);
    at_ = end + 1;
    if (at_ < text_.size() && text_[at_] == quote) {
      if (copy == nullptr) copy = &unescaped_.emplace_back(text_.substr(begin, end - begin));
      copy->push_back(quote);
      ++at_;
      continue;
    }
    fields.push_back(copy != nullptr ? std::string_view(*copy) : text_.substr(begin, end - begin));
    break;
  }
  if (at_line_end() || text_[at_] == options_.delimiter) return {};
  at_ = text_.size();
  return fail(Code::err, fmt::format("line {}: text behind a quoted field", line_));
}

Result<std::optional<std::vector<std::string_view>>> CsvReader::next() {
  while (at_ < text_.size() && at_line_end()) skip_line_end();
  line_ = next_line_;
  if (at_ >= text_.size()) return std::nullopt;
  std::vector<std::string_view> fields;
  unescaped_.clear();
  while (true) {
    if (options_.quote && at_ < text_.size() && text_[at_] == *options_.quote) {
      if (Status read = read_quoted(fields); !read) return tl::unexpected(read.error());
    } else {
      const std::size_t begin = at_;
      while (!at_line_end() && text_[at_] != options_.delimiter) ++at_;
      fields.push_back(text_.substr(begin, at_ - begin));
    }
    if (at_line_end()) break;
    ++at_;  // the delimiter
  }
  skip_line_end();
  return fields;
}

}  // namespace holdfast::cli
