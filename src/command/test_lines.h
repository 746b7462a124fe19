// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rapidcheck.h>

#include <array>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "command/random.h"
#include "command/test_world.h"

/// For this folder's tests: random commands, made from each row's own syntax,
/// so that a new row is tested without a word here.
namespace holdfast::command {

/// Draws a line that `syntax` allows, and now and then one that it does not.
class LineMaker {
 public:
  /// `short_times`: relative times of some milliseconds, for worlds whose clock
  /// is given; else times so far off that a real clock does not matter.
  LineMaker(std::uint64_t seed, bool short_times) : random_(seed), short_times_(short_times) {}

  Line make(const Row& row) {
    group_ = row.group;
    by_bytes_ = row.syntax.find("lex-") != std::string_view::npos;
    one_score_ = false;
    Line line;
    std::string_view name = row.name;
    for (std::size_t space; (space = name.find(' ')) != std::string_view::npos;) {
      line.emplace_back(name.substr(0, space));
      name.remove_prefix(space + 1);
    }
    line.emplace_back(name);
    rest_ = row.syntax;
    next();
    alternatives(&line);
    if (chance(20)) spoil(line);
    return line;
  }

 private:
  bool chance(std::size_t one_in) { return random_.below(one_in) == 0; }
  template <std::size_t n>
  std::string pick(const std::array<std::string_view, n>& from) {
    return std::string(from[random_.below(n)]);
  }

  // -- The syntax: a | b, [optional], <one of | these>, words, and "..." after a repeated part.

  void next() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    std::size_t size = rest_.find_first_of(" []<>|");
    if (size == 0) size = 1;
    token_ = rest_.substr(0, size);
    rest_.remove_prefix(token_.size());
  }

  // `out` is nullptr where the part was not chosen.
  void alternatives(Line* out) {
    // How many there are is known only after the walk: each is walked with a
    // scratch line and one of them kept.
    std::vector<Line> all(1);
    sequence(&all.back());
    while (token_ == "|") {
      next();
      all.emplace_back();
      sequence(&all.back());
    }
    if (out == nullptr) return;
    const Line& chosen = all[random_.below(all.size())];
    out->insert(out->end(), chosen.begin(), chosen.end());
  }

  void sequence(Line* out) {
    while (!token_.empty() && token_ != "]" && token_ != ">" && token_ != "|") {
      if (token_ == "[") {
        optional(out);
      } else if (token_ == "<") {
        next();
        alternatives(out);
        next();  // the bracket
      } else if (token_ == "numkeys") {
        next();
        counted_keys_of(out);
      } else {
        out->push_back(word(token_));
        next();
      }
    }
  }

  void optional(Line* out) {
    next();
    const std::string_view token = token_;
    const std::string_view rest = rest_;
    const bool repeats = inside(rest).ends_with("...");
    std::size_t times = repeats ? random_.below(4) : random_.below(2);
    do {
      token_ = token;
      rest_ = rest;
      Line part;
      alternatives(&part);
      if (!part.empty() && part.back() == "...") part.pop_back();
      if (times > 0) out->insert(out->end(), part.begin(), part.end());
    } while (times-- > 1);
    next();  // the bracket
  }

  // Up to the bracket that closes what `rest` is in.
  static std::string_view inside(std::string_view rest) {
    int open = 1;
    std::size_t end = 0;
    for (; end < rest.size() && open > 0; ++end) {
      open += rest[end] == '[' ? 1 : rest[end] == ']' ? -1 : 0;
    }
    return rest.substr(0, end - (open == 0 ? 1 : 0));
  }

  // numkeys key [key ...]
  void counted_keys_of(Line* out) {
    Line keys{word(token_)};
    next();
    optional(&keys);
    static constexpr std::array<std::string_view, 5> wrong{"0", "-1", "x", "100", ""};
    out->push_back(chance(10) ? pick(wrong) : std::to_string(keys.size()));
    out->insert(out->end(), keys.begin(), keys.end());
  }

  // -- What stands for a word of the syntax

  std::string word(std::string_view name) {
    if (name == "...") return "...";
    if (name.front() >= 'A' && name.front() <= 'Z') return literal(name);
    if (name == "key" || name == "source" || name == "destination" || name == "newkey")
      return key();
    if (name == "field" || name == "member") return element();
    if (name == "value") return value();
    if (name == "element" || name == "pivot") return chance(4) ? value() : element();
    if (name == "increment" || name == "decrement") return number();
    if (name == "seconds" || name == "milliseconds") return time_to_live(name == "seconds");
    if (name == "unix-time-seconds") return unix_time(true);
    if (name == "unix-time-milliseconds") return unix_time(false);
    if (name == "start" || name == "end" || name == "stop") return place();
    if (name == "index")
      return chance(4) ? place() : std::to_string(static_cast<int>(random_.below(7)) - 3);
    // Redis 7.0 negates the least of all numbers, which later versions refuse.
    if (name == "rank")
      return chance(8) ? "x" : std::to_string(static_cast<int>(random_.below(7)) - 3);
    if (name == "timeout") return timeout();
    if (name == "score" || name == "weight") return score();
    if (name == "min" || name == "max") return score_end();
    if (name == "lex-min" || name == "lex-max") return bytes_end();
    if (name == "range-start" || name == "range-stop") {
      return chance(2) ? place() : chance(2) ? score_end() : bytes_end();
    }
    if (name == "offset") return chance(3) ? place() : std::to_string(random_.below(30));
    if (name == "cursor") return cursor();
    if (name == "pattern") return pattern();
    if (name == "count" || name == "limit" || name == "num-matches" || name == "len")
      return count();
    if (name == "bit-offset" || name == "field-offset") return bit_offset(name == "field-offset");
    if (name == "bit") return chance(12) ? "2" : std::to_string(random_.below(2));
    if (name == "bit-type") return bit_type();
    if (name == "number") return number();
    if (name == "key-pattern") return key_pattern();
    if (name == "ttl") return chance(2) ? "0" : time_to_live(false);
    if (name == "serialized-value")
      return chance(8) ? value() : std::string(dump_of_prefix) + key();
    if (name == "frequency") return count();
    if (name == "destination-db") return chance(4) ? "1" : "0";
    HF_ASSERT(name == "a word of the syntax that this maker knows");
    return {};
  }

  std::string literal(std::string_view name) {
    std::string text(name);
    if (chance(3)) text[0] = static_cast<char>(text[0] | 0x20);
    return text;
  }
  std::string key() {
    static constexpr std::array<std::string_view, 3> strings{"t:s1", "t:s2", "t:s3"};
    static constexpr std::array<std::string_view, 2> hashes{"t:h1", "t:h2"};
    static constexpr std::array<std::string_view, 3> sets{"t:m1", "t:m2", "t:m3"};
    static constexpr std::array<std::string_view, 3> lists{"t:l1", "t:l2", "t:l3"};
    const std::size_t any = random_.below(5);
    const bool other = group_ == "generic" || chance(12);
    if (other ? any == 0 : group_ == "string" || group_ == "bitmap") return pick(strings);
    if (other ? any == 1 : group_ == "hash") return pick(hashes);
    if (other ? any == 2 : group_ == "sorted-set") return sorted_set();
    if (other ? any == 3 : group_ == "list") return pick(lists);
    return pick(sets);
  }
  // Ranges by bytes mean something only where all scores are equal: two keys are given
  // one score only, where it is not computed.
  std::string sorted_set() {
    static constexpr std::array<std::string_view, 4> all{"t:z1", "t:z2", "t:z3", "t:z4"};
    const std::size_t any = by_bytes_ ? 2 + random_.below(2) : random_.below(all.size());
    one_score_ = any >= 2;
    return std::string(all[any]);
  }
  std::string score() {
    using namespace std::string_view_literals;
    static constexpr std::array odd{
        "inf"sv,  "-inf"sv, "+inf"sv,   "nan"sv,  "-0"sv,     "1e400"sv,   "x"sv,
        ""sv,     " 1"sv,   "0.1"sv,    "0x10"sv, "1e17"sv,   "-1.5"sv,    "3.0e2"sv,
        "1e-5"sv, "1e21"sv, "1e-400"sv, "2.5"sv,  "infini"sv, "100000"sv,  "9007199254740993"sv,
        ".5"sv,   "5."sv,   "1e5"sv,    "+3"sv,   "(1"sv,     "-1e-320"sv, "123456789.125"sv};
    if (one_score_ && !chance(40)) return "0";
    if (chance(4)) return pick(odd);
    return std::to_string(static_cast<int>(random_.below(8)) - 2);
  }
  std::string score_end() {
    one_score_ = false;
    if (chance(6)) return chance(2) ? "-inf" : "+inf";
    return (chance(3) ? "(" : "") + score();
  }
  std::string bytes_end() {
    using namespace std::string_view_literals;
    static constexpr std::array odd{"-"sv, "+"sv, "a"sv, ""sv, "-x"sv, "["sv, "("sv, "-"sv, "+"sv};
    if (chance(3)) return pick(odd);
    return (chance(2) ? "(" : "[") + element();
  }
  std::string element() {
    static constexpr std::array<std::string_view, 9> few{
        "a", "b", "c", "1", "22", "-3", "", "[x]", "a long one, past what lies inline"};
    if (!chance(4)) return pick(few);
    return "e" + std::to_string(random_.below(40));
  }
  std::string value() {
    using namespace std::string_view_literals;
    static constexpr std::array all{
        "0"sv,
        "-1"sv,
        "10"sv,
        "12345"sv,
        "9223372036854775807"sv,
        "-9223372036854775808"sv,
        "9223372036854775808"sv,
        "007"sv,
        "+5"sv,
        " 5"sv,
        "-0"sv,
        "1.5"sv,
        "-2.25e3"sv,
        ""sv,
        "some text"sv,
        "a\0b\r\n\xFF"sv,
        "inf"sv,
        "1e4931"sv,
        "0x10"sv,
        "0.1"sv,
        "forty-four bytes is what Redis still embeds.."sv,
        "more than sixty-four bytes, which is what a listpack of Redis takes of one"sv};
    return pick(all);
  }
  std::string number() {
    using namespace std::string_view_literals;
    static constexpr std::array all{"1"sv,
                                    "2"sv,
                                    "-7"sv,
                                    "100"sv,
                                    "9223372036854775807"sv,
                                    "-9223372036854775808"sv,
                                    "0"sv,
                                    "abc"sv,
                                    "1.5"sv,
                                    "0.1"sv,
                                    "3.0e2"sv,
                                    "-1e-5"sv,
                                    "1e4932"sv,
                                    "nan"sv,
                                    "-inf"sv,
                                    "1e17"sv,
                                    ""sv,
                                    "10.2"sv,
                                    "5.0e3"sv,
                                    " 1"sv};
    return pick(all);
  }
  std::string time_to_live(bool seconds) {
    using namespace std::string_view_literals;
    static constexpr std::array odd{"0"sv,
                                    "-1"sv,
                                    "x"sv,
                                    "9223372036854775807"sv,
                                    "9223372036854775"sv,
                                    "-9223372036854775808"sv,
                                    "1.5"sv};
    if (chance(6)) return pick(odd);
    if (short_times_) return std::to_string(seconds ? 1 : 1 + random_.below(1500));
    // Hardly ever twice the same: GT and LT then compare alike on both sides.
    const std::size_t far = 1'000'000 + random_.below(1'000'000'000);
    return std::to_string(seconds ? far : far * 1000);
  }
  std::string unix_time(bool seconds) {
    using namespace std::string_view_literals;
    static constexpr std::array odd{
        "0"sv, "-1"sv, "x"sv, "9223372036854775807"sv, "1"sv, "9223372036854775"sv, "1000000"sv};
    if (chance(6)) return pick(odd);
    const std::size_t at = 4'102'444'800 + 100 * random_.below(3);  // the year 2100
    return std::to_string(seconds ? at : at * 1000);
  }
  std::string place() {
    using namespace std::string_view_literals;
    static constexpr std::array odd{
        "9223372036854775807"sv, "-9223372036854775808"sv, "x"sv, "536870912"sv, "-1"sv, ""sv};
    if (chance(8)) return pick(odd);
    return std::to_string(static_cast<int>(random_.below(30)) - 15);
  }
  std::string timeout() {
    using namespace std::string_view_literals;
    static constexpr std::array odd{"-1"sv,   "x"sv,  ""sv,       "nan"sv,  "9e15"sv,
                                    "-inf"sv, "-0"sv, "-0.001"sv, "0x10"sv, " 1"sv};
    if (chance(6)) return pick(odd);
    return chance(2) ? "0" : "0.25";
  }
  std::string bit_offset(bool of_field) {
    using namespace std::string_view_literals;
    static constexpr std::array odd{"-1"sv, "x"sv, "4294967296"sv, "#x"sv,
                                    "18446744073709551616"sv};
    if (chance(12)) return pick(odd);
    return (of_field && chance(3) ? "#" : "") + std::to_string(random_.below(chance(4) ? 700 : 40));
  }
  std::string bit_type() {
    using namespace std::string_view_literals;
    static constexpr std::array odd{"u64"sv, "i65"sv, "i0"sv, "x8"sv, "U8"sv, "i"sv, "u-1"sv, ""sv};
    static constexpr std::array usual{"u1"sv, "u2"sv, "i8"sv,  "u8"sv,  "i16"sv, "i5"sv,
                                      "u7"sv, "i1"sv, "u63"sv, "i64"sv, "i63"sv, "u32"sv};
    return chance(12) ? pick(odd) : pick(usual);
  }
  std::string key_pattern() {
    using namespace std::string_view_literals;
    static constexpr std::array all{"t:s*"sv,    "t:h*->a"sv, "t:h*->1"sv, "#"sv,     "none"sv,
                                    "t:h1->a"sv, "t:*1"sv,    "t:h*->"sv,  "t:s**"sv, ""sv};
    return pick(all);
  }
  std::string cursor() {
    using namespace std::string_view_literals;
    static constexpr std::array odd{"x"sv, ""sv, "1x"sv, "99999999999999999999999"sv};
    return chance(10) ? pick(odd) : "0";
  }
  std::string pattern() {
    using namespace std::string_view_literals;
    static constexpr std::array all{"*"sv,     "a*"sv,      "*1*"sv,     "?"sv,      "[a-c]"sv,
                                    "[^a]"sv,  "e[0-9]*"sv, "\\[x\\]"sv, ""sv,       "**e**1"sv,
                                    "[b-a]"sv, "[\\]"sv,    "[x"sv,      "e?*[!1]"sv};
    return pick(all);
  }
  std::string count() {
    using namespace std::string_view_literals;
    static constexpr std::array odd{"x"sv, ""sv, "-9223372036854775808"sv, "9223372036854775807"sv,
                                    "1000"sv};
    if (chance(10)) return pick(odd);
    return std::to_string(static_cast<int>(random_.below(12)) - 3);
  }

  // An argument too few, too many, or another.
  void spoil(Line& line) {
    if (line.size() == 1) return;
    // The name and subcommand stay: what is unknown is not this folder's affair.
    const std::size_t from = row_of_line(line)->name.find(' ') == std::string_view::npos ? 1 : 2;
    if (line.size() == from) return;
    const std::size_t at = from + random_.below(line.size() - from);
    switch (random_.below(3)) {
      case 0:
        line.erase(line.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 1:
        line.push_back(value());
        break;
      default:
        // A key stays one: keys of two keyspaces do not come this far.
        if (!line[at].starts_with("t:")) line[at] = value();
    }
  }

  Random random_;
  bool short_times_;
  bool by_bytes_ = false;   // the row's ranges are
  bool one_score_ = false;  // the key that was drawn last is given one score only
  std::string_view group_, rest_, token_;
};

/// A line, shown as text when a property fails.
struct Drawn {
  Line line;
  std::uint64_t seed = 0;
  friend std::ostream& operator<<(std::ostream& out, const Drawn& drawn) {
    for (const std::string& word : drawn.line) {
      out << '"';
      for (const char c : word) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7F) {
          out << c;
        } else {
          out << "\\x"
              << "0123456789abcdef"[byte >> 4] << "0123456789abcdef"[byte & 15];
        }
      }
      out << "\" ";
    }
    return out << "(seed " << drawn.seed << ")\n";
  }
};

/// Some lines of data commands, each row as often as `weight` of it says; with
/// `scale` 1 up to a hundred. A failing list is shrunk by leaving lines out.
template <typename Weight>
rc::Gen<std::vector<Drawn>> gen_lines(bool short_times, double scale, Weight weight) {
  std::vector<const Row*> rows;
  for (const Row* row : all_commands().rows()) {
    const bool data = row->access == Access::read || row->access == Access::write;
    rows.insert(rows.end(), data ? static_cast<std::size_t>(weight(*row)) : 0, row);
  }
  const auto line = rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [=](std::uint64_t number) {
    Random random(number);
    const Row& row = *rows[random.below(rows.size())];
    return Drawn{LineMaker(random.next(), short_times).make(row), random.next()};
  });
  // Sizes of arbitrary numbers follow the test's size: a full-size number is
  // drawn whatever that is.
  const auto full = rc::gen::noShrink(rc::gen::resize(100, line));
  return rc::gen::scale(scale, rc::gen::container<std::vector<Drawn>>(full));
}

}  // namespace holdfast::command
