// SPDX-License-Identifier: Apache-2.0
#include "server/reply_form.h"

#include <charconv>

#include "base/assert.h"

namespace holdfast::server {
namespace {

/// One element of a reply: a line, and for strings what follows it.
struct Token {
  char kind = 0;
  bool null = false;
  std::size_t children = 0;  // values that follow and belong to it
  std::string_view text;     // the line without kind and CRLF, or the string
  std::string_view bytes;    // all of it
};

/// Reads replies that we wrote ourselves, hence the assertions.
class Tokens {
 public:
  explicit Tokens(std::string_view in) : in_(in) {}

  bool at_end() const { return at_ == in_.size(); }
  std::size_t position() const { return at_; }
  void move_to(std::size_t position) { at_ = position; }

  Token next() {
    const std::size_t end = in_.find('\n', at_);
    HF_ASSERT(end != std::string_view::npos && end > at_ + 1);
    const std::size_t begin = at_;
    Token token{.kind = in_[at_], .text = in_.substr(at_ + 1, end - at_ - 2)};
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

 private:
  static std::size_t number(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    HF_ASSERT(error == std::errc() && end == text.data() + text.size());
    return value;
  }

  std::string_view in_;
  std::size_t at_ = 0;
};

void append_header(std::string& out, char kind, std::size_t n) {
  char line[24];
  line[0] = kind;
  char* end = std::to_chars(line + 1, line + sizeof(line) - 2, n).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(line, static_cast<std::size_t>(end - line));
}

void append_bulk(std::string& out, std::string_view text) {
  append_header(out, '$', text.size());
  out.append(text);
  out.append("\r\n", 2);
}

void append_resp2(std::string& out, const Token& token) {
  switch (token.kind) {
    case '%':
    case '~':
    case '>':
      append_header(out, '*', token.children);
      return;
    case '#':
      out.append(token.text == "t" ? ":1\r\n" : ":0\r\n", 4);
      return;
    case ',':
    case '(':
      append_bulk(out, token.text);
      return;
    case '=':
      append_bulk(out, token.text.substr(4));  // without "txt:"
      return;
    case '_':
      out.append("$-1\r\n", 5);
      return;
    default:
      out.append(token.bytes);
      return;
  }
}

void append_token(std::string& out, const Token& token, Form form) {
  if (form == Form::resp2) return append_resp2(out, token);
  if (token.null) {
    out.append("_\r\n", 3);
  } else {
    out.append(token.bytes);
  }
}

void append_value(std::string& out, Tokens& in, Form form) {
  for (std::size_t left = 1; left > 0; --left) {
    const Token token = in.next();
    append_token(out, token, form);
    left += token.children;
  }
}

void skip_value(Tokens& in) {
  for (std::size_t left = 1; left > 0; --left) left += in.next().children;
}

/// RESP2 only: an array whose elements that are arrays are spliced into it.
void append_flat(std::string& out, Tokens& in) {
  const Token outer = in.next();
  if (outer.kind != '*' || outer.null) {
    append_resp2(out, outer);
    for (std::size_t i = 0; i < outer.children; ++i) append_value(out, in, Form::resp2);
    return;
  }
  const std::size_t begin = in.position();
  std::size_t elements = 0;
  for (std::size_t i = 0; i < outer.children; ++i) {
    const std::size_t at = in.position();
    const Token element = in.next();
    elements += element.kind == '*' && !element.null ? element.children : 1;
    in.move_to(at);
    skip_value(in);
  }
  in.move_to(begin);
  append_header(out, '*', elements);
  for (std::size_t i = 0; i < outer.children; ++i) {
    const std::size_t at = in.position();
    const Token element = in.next();
    if (element.kind == '*' && !element.null) {
      for (std::size_t j = 0; j < element.children; ++j) append_value(out, in, Form::resp2);
    } else {
      in.move_to(at);
      append_value(out, in, Form::resp2);
    }
  }
}

bool changes(const Token& token, Form form) {
  if (form == Form::resp3) return token.null;
  switch (token.kind) {
    case '+':
    case '-':
    case ':':
    case '$':
    case '*':
      return false;
    default:
      return true;
  }
}

}  // namespace

bool needs_conversion(std::string_view canonical, Form form, const Shape& shape) {
  if (canonical.empty()) return false;
  switch (canonical[0]) {
    case '+':
    case '-':
    case ':':
      return false;
    case '$':
      return form == Form::resp3 && canonical[1] == '-';
    default:
      break;
  }
  if (form == Form::resp2 && (shape.flat_pairs || shape.flat_elements != nullptr)) return true;
  Tokens in(canonical);
  while (!in.at_end()) {
    if (changes(in.next(), form)) return true;
  }
  return false;
}

void append_reply(std::string& out, std::string_view canonical, Form form, const Shape& shape) {
  if (!needs_conversion(canonical, form, shape)) {
    out.append(canonical);
    return;
  }
  Tokens in(canonical);
  if (form == Form::resp2 && shape.flat_elements != nullptr) {
    const Token outer = in.next();
    append_resp2(out, outer);
    for (std::size_t i = 0; i < outer.children; ++i) {
      const bool flat = i < shape.flat_elements->size() && (*shape.flat_elements)[i];
      if (flat) {
        append_flat(out, in);
      } else {
        append_value(out, in, form);
      }
    }
  } else if (form == Form::resp2 && shape.flat_pairs) {
    append_flat(out, in);
  } else {
    append_value(out, in, form);
  }
  HF_ASSERT(in.at_end());
}

}  // namespace holdfast::server
