// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace holdfast {

/// One element of a reply in its canonical form (base/reply.h): a line, and for strings what
/// follows it.
struct ReplyToken {
  char kind = 0;
  bool null = false;
  std::size_t children = 0;  // values that follow and belong to it
  std::string_view text;     // the line without kind and CRLF, or the string
  std::string_view bytes;    // all of it
};

/// Walks replies that we wrote ourselves: what is none is our own bug (asserted). Views are of
/// `in`.
class ReplyTokens {
 public:
  explicit ReplyTokens(std::string_view in) : in_(in) {}

  bool at_end() const { return at_ == in_.size(); }
  std::size_t position() const { return at_; }
  void move_to(std::size_t position) { at_ = position; }
  ReplyToken next();
  /// Passes one value with all that belongs to it; returns its bytes.
  std::string_view skip_value();

 private:
  std::string_view in_;
  std::size_t at_ = 0;
};

}  // namespace holdfast
