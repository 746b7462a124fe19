// SPDX-License-Identifier: Apache-2.0
#include "base/reply_tokens.h"

#include <charconv>

#include "base/assert.h"

namespace holdfast {
namespace {

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  HF_ASSERT(error == std::errc() && end == text.data() + text.size());
  return value;
}

}  // namespace

ReplyToken ReplyTokens::next() {
  const std::size_t end = in_.find('\n', at_);
  HF_ASSERT(end != std::string_view::npos && end > at_ + 1);
  const std::size_t begin = at_;
  ReplyToken token{.kind = in_[at_], .text = in_.substr(at_ + 1, end - at_ - 2)};
  at_ = end + 1;
  switch (token.kind) {
    case '$':
    case '=':
      if (token.text.starts_with('-')) {
        token.null = true;
      } else {
        const std::size_t size = number(token.text);
        HF_ASSERT(size + 2 <= in_.size() - at_);
        token.text = in_.substr(at_, size);
        at_ += size + 2;
      }
      break;
    case '*':
    case '~':
    case '>':
      token.null = token.text.starts_with('-');
      token.children = token.null ? 0 : number(token.text);
      break;
    case '%':
      token.children = 2 * number(token.text);
      break;
    default:
      break;
  }
  token.bytes = in_.substr(begin, at_ - begin);
  return token;
}

std::string_view ReplyTokens::skip_value() {
  const std::size_t begin = at_;
  for (std::size_t left = 1; left > 0; --left) left += next().children;
  return in_.substr(begin, at_ - begin);
}

}  // namespace holdfast
