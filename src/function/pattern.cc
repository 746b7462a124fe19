// SPDX-License-Identifier: Apache-2.0
#include "function/pattern.h"

#include <cctype>

namespace holdfast::function {
namespace {

constexpr char escape = '%';

bool in_class(unsigned char c, char name) {
  bool found = false;
  switch (std::tolower(static_cast<unsigned char>(name))) {
    case 'a':
      found = std::isalpha(c) != 0;
      break;
    case 'c':
      found = std::iscntrl(c) != 0;
      break;
    case 'd':
      found = std::isdigit(c) != 0;
      break;
    case 'l':
      found = std::islower(c) != 0;
      break;
    case 'p':
      found = std::ispunct(c) != 0;
      break;
    case 's':
      found = std::isspace(c) != 0;
      break;
    case 'u':
      found = std::isupper(c) != 0;
      break;
    case 'w':
      found = std::isalnum(c) != 0;
      break;
    case 'x':
      found = std::isxdigit(c) != 0;
      break;
    case 'z':
      found = c == 0;
      break;
    default:
      return static_cast<unsigned char>(name) == c;
  }
  return found != (std::isupper(static_cast<unsigned char>(name)) != 0);
}

}  // namespace

std::optional<std::size_t> Pattern::match_at(std::size_t begin) {
  level_ = 0;
  const std::size_t end = match(begin, 0, 0);
  if (end == none || error_ != nullptr || work_.spent()) return std::nullopt;
  return end;
}

std::optional<Pattern::Capture> Pattern::capture(std::size_t index) {
  if (index >= level_ || groups_[index].state == State::open) {
    fail(index >= level_ ? "invalid capture index" : "unfinished capture");
    return std::nullopt;
  }
  const Group& group = groups_[index];
  return Capture{group.begin, group.size, group.state == State::position};
}

std::size_t Pattern::fail(const char* why) {
  if (error_ == nullptr) error_ = why;
  return none;
}

// Matches the pattern from p on with the subject from s on.
std::size_t Pattern::match(std::size_t s, std::size_t p, int depth) {
  if (depth == depth_max) return fail("pattern too complex");
  while (p < pattern_.size()) {
    if (error_ != nullptr || !work_.spend(1)) return none;
    const char next = pattern_at(p + 1);
    switch (pattern_[p]) {
      case '(':
        if (next == ')') return open_group(s, p + 2, State::position, depth);
        return open_group(s, p + 1, State::open, depth);
      case ')':
        return close_group(s, p + 1, depth);
      case '$':
        if (p + 1 == pattern_.size()) return s == subject_.size() ? s : none;
        break;
      case escape:
        if (next == 'b') {
          s = balanced(s, p + 2);
          if (s == none) return none;
          p += 4;
          continue;
        }
        if (next == 'f') {
          p += 2;
          if (pattern_at(p) != '[') return fail("missing '[' after '%f' in pattern");
          const std::size_t after = end_of_item(p);
          if (after == none || !at_frontier(s, p, after)) return none;
          p = after;
          continue;
        }
        if (std::isdigit(static_cast<unsigned char>(next)) != 0) {
          s = repeated(s, static_cast<unsigned char>(next));
          if (s == none) return none;
          p += 2;
          continue;
        }
        break;
      default:
        break;
    }
    const std::size_t after = end_of_item(p);
    if (after == none) return none;
    const bool one = is_one(s, p, after);
    switch (pattern_at(after)) {
      case '?':
        if (one) {
          const std::size_t end = match(s + 1, after + 1, depth + 1);
          if (end != none) return end;
        }
        p = after + 1;
        break;
      case '*':
        return expand_most(s, p, after, depth);
      case '+':
        return one ? expand_most(s + 1, p, after, depth) : none;
      case '-':
        return expand_least(s, p, after, depth);
      default:
        if (!one) return none;
        ++s;
        p = after;
    }
  }
  return s;
}

std::size_t Pattern::expand_most(std::size_t s, std::size_t p, std::size_t after, int depth) {
  std::size_t count = 0;
  while (is_one(s + count, p, after)) {
    ++count;
    if (!work_.spend(1)) return none;
  }
  for (;; --count) {
    const std::size_t end = match(s + count, after + 1, depth + 1);
    if (end != none || count == 0 || error_ != nullptr || !work_.spend(1)) return end;
  }
}

std::size_t Pattern::expand_least(std::size_t s, std::size_t p, std::size_t after, int depth) {
  for (;; ++s) {
    const std::size_t end = match(s, after + 1, depth + 1);
    if (end != none) return end;
    if (error_ != nullptr || !work_.spend(1) || !is_one(s, p, after)) return none;
  }
}

std::size_t Pattern::open_group(std::size_t s, std::size_t p, State state, int depth) {
  if (level_ == captures_max) return fail("too many captures");
  groups_[level_++] = {s, 0, state};
  const std::size_t end = match(s, p, depth + 1);
  if (end == none) --level_;
  return end;
}

std::size_t Pattern::close_group(std::size_t s, std::size_t p, int depth) {
  for (std::size_t i = level_; i-- > 0;) {
    Group& group = groups_[i];
    if (group.state != State::open) continue;
    group.state = State::closed;
    group.size = s - group.begin;
    const std::size_t end = match(s, p, depth + 1);
    if (end == none) group.state = State::open;
    return end;
  }
  return fail("invalid pattern capture");
}

// %bxy, p at x.
std::size_t Pattern::balanced(std::size_t s, std::size_t p) {
  if (p + 1 >= pattern_.size()) return fail("unbalanced pattern");
  if (s >= subject_.size() || subject_[s] != pattern_[p]) return none;
  const char open = pattern_[p];
  const char close = pattern_[p + 1];
  std::size_t depth = 1;
  while (++s < subject_.size()) {
    if (!work_.spend(1)) return none;
    if (subject_[s] == close) {
      if (--depth == 0) return s + 1;
    } else if (subject_[s] == open) {
      ++depth;
    }
  }
  return none;
}

// %1 to %9: what that group matched, again.
std::size_t Pattern::repeated(std::size_t s, unsigned char digit) {
  const std::size_t index = static_cast<std::size_t>(digit) - '1';
  if (digit == '0' || index >= level_ || groups_[index].state == State::open)
    return fail("invalid capture index");
  const Group& group = groups_[index];
  if (group.state == State::position || !work_.spend(group.size / 16)) return none;
  const std::string_view text = subject_.substr(group.begin, group.size);
  return subject_.substr(s).starts_with(text) ? s + text.size() : none;
}

bool Pattern::at_frontier(std::size_t s, std::size_t p, std::size_t after) const {
  const auto at = [&](std::size_t i) {
    return i < subject_.size() ? static_cast<unsigned char>(subject_[i])
                               : static_cast<unsigned char>(0);
  };
  const unsigned char before = s == 0 ? static_cast<unsigned char>(0) : at(s - 1);
  return !in_set(before, p, after - 1) && in_set(at(s), p, after - 1);
}

// Behind the single-character item at p.
std::size_t Pattern::end_of_item(std::size_t p) {
  const char first = pattern_[p++];
  if (first == escape) {
    if (p == pattern_.size()) return fail("malformed pattern (ends with '%')");
    return p + 1;
  }
  if (first != '[') return p;
  if (pattern_at(p) == '^') ++p;
  do {  // the first character is one of the set, even if it is ']'
    if (p >= pattern_.size()) return fail("malformed pattern (missing ']')");
    if (pattern_[p++] == escape && p < pattern_.size()) ++p;
  } while (p >= pattern_.size() || pattern_[p] != ']');
  return p + 1;
}

bool Pattern::is_one(std::size_t s, std::size_t p, std::size_t after) const {
  if (s >= subject_.size()) return false;
  const auto c = static_cast<unsigned char>(subject_[s]);
  switch (pattern_[p]) {
    case '.':
      return true;
    case escape:
      return in_class(c, pattern_[p + 1]);
    case '[':
      return in_set(c, p, after - 1);
    default:
      return static_cast<unsigned char>(pattern_[p]) == c;
  }
}

// The set from '[' at p to ']' at last.
bool Pattern::in_set(unsigned char c, std::size_t p, std::size_t last) const {
  const bool wanted = pattern_[p + 1] != '^';
  if (!wanted) ++p;
  while (++p < last) {
    const auto here = static_cast<unsigned char>(pattern_[p]);
    if (here == escape) {
      ++p;
      if (in_class(c, pattern_[p])) return wanted;
    } else if (pattern_[p + 1] == '-' && p + 2 < last) {
      p += 2;
      if (here <= c && c <= static_cast<unsigned char>(pattern_[p])) return wanted;
    } else if (here == c) {
      return wanted;
    }
  }
  return !wanted;
}

}  // namespace holdfast::function
