// SPDX-License-Identifier: Apache-2.0
#include "server/reply_form.h"

#include <charconv>

#include "base/assert.h"
#include "base/reply_tokens.h"

namespace holdfast::server {
namespace {

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

void append_resp2(std::string& out, const ReplyToken& token) {
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

void append_token(std::string& out, const ReplyToken& token, Form form) {
  if (form == Form::resp2) return append_resp2(out, token);
  if (token.null) {
    out.append("_\r\n", 3);
  } else {
    out.append(token.bytes);
  }
}

void append_value(std::string& out, ReplyTokens& in, Form form) {
  for (std::size_t left = 1; left > 0; --left) {
    const ReplyToken token = in.next();
    append_token(out, token, form);
    left += token.children;
  }
}

/// RESP2 only: an array whose elements that are arrays are spliced into it.
void append_flat(std::string& out, ReplyTokens& in) {
  const ReplyToken outer = in.next();
  if (outer.kind != '*' || outer.null) {
    append_resp2(out, outer);
    for (std::size_t i = 0; i < outer.children; ++i) append_value(out, in, Form::resp2);
    return;
  }
  const std::size_t begin = in.position();
  std::size_t elements = 0;
  for (std::size_t i = 0; i < outer.children; ++i) {
    const std::size_t at = in.position();
    const ReplyToken element = in.next();
    elements += element.kind == '*' && !element.null ? element.children : 1;
    in.move_to(at);
    in.skip_value();
  }
  in.move_to(begin);
  append_header(out, '*', elements);
  for (std::size_t i = 0; i < outer.children; ++i) {
    const std::size_t at = in.position();
    const ReplyToken element = in.next();
    if (element.kind == '*' && !element.null) {
      for (std::size_t j = 0; j < element.children; ++j) append_value(out, in, Form::resp2);
    } else {
      in.move_to(at);
      append_value(out, in, Form::resp2);
    }
  }
}

bool changes(const ReplyToken& token, Form form) {
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
  if (form == Form::resp2 && shape.flat_elements != nullptr) return true;
  // Without pairs there is nothing to flatten: ZRANGE mostly answers members alone.
  const bool splices = form == Form::resp2 && shape.flat_pairs;
  ReplyTokens in(canonical);
  for (bool outer = true; !in.at_end(); outer = false) {
    const ReplyToken token = in.next();
    if (changes(token, form) || (splices && !outer && token.kind == '*')) return true;
  }
  return false;
}

void append_reply(std::string& out, std::string_view canonical, Form form, const Shape& shape) {
  if (!needs_conversion(canonical, form, shape)) {
    out.append(canonical);
    return;
  }
  ReplyTokens in(canonical);
  if (form == Form::resp2 && shape.flat_elements != nullptr) {
    const ReplyToken outer = in.next();
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
