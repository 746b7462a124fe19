// SPDX-License-Identifier: Apache-2.0
#include "command/score_range.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/assert.h"
#include "command/lookup.h"
#include "command/parse.h"

namespace holdfast::command {

std::optional<Range> Range::read(RangeBy by, std::string_view min, std::string_view max,
                                 bool reverse, Reply& reply) {
  Range range;
  range.by_ = by;
  range.reverse_ = reverse;
  if (by == RangeBy::rank) {
    const auto first = integer_argument(min, reply);
    if (!first) return std::nullopt;
    const auto last = integer_argument(max, reply);
    if (!last) return std::nullopt;
    range.min_.rank = *first;
    range.max_.rank = *last;
    return range;
  }
  const auto read_end = by == RangeBy::score ? read_score : read_bytes;
  const auto low = read_end(min);
  const auto high = low ? read_end(max) : std::nullopt;
  if (!high) {
    reply.raw_error(by == RangeBy::score ? "ERR min or max is not a float"
                                         : "ERR min or max not valid string range item");
    return std::nullopt;
  }
  range.min_ = *low;
  range.max_ = *high;
  return range;
}

// As C reads it: an empty text is 0, spaces in front are skipped, a NUL ends it.
std::optional<Range::End> Range::read_score(std::string_view text) {
  End end{.open = text.starts_with('(')};
  if (end.open) text.remove_prefix(1);
  if (const auto whole = parse_score(text)) {
    end.score = *whole;
    return end;
  }
  const std::string terminated(text);
  char* stop = nullptr;
  end.score = std::strtod(terminated.c_str(), &stop);
  if (*stop != '\0' || std::isnan(end.score)) return std::nullopt;
  return end;
}

std::optional<Range::End> Range::read_bytes(std::string_view text) {
  const bool alone = text.size() == 1 || (text.size() > 1 && text[1] == '\0');
  if (alone && text[0] == '-') return End{.at = End::At::lowest};
  if (alone && text[0] == '+') return End{.at = End::At::highest};
  if (!text.starts_with('[') && !text.starts_with('(')) return std::nullopt;
  return End{.open = text[0] == '(', .bytes = text.substr(1)};
}

Ranks Range::of(const SortedSet& set) const {
  if (by_ == RangeBy::rank) return by_rank(set.size());
  const std::size_t first = count_to(set, min_, min_.open);
  const std::size_t end = count_to(set, max_, !max_.open);
  return {first, end > first ? end - first : 0};
}

Ranks Range::by_rank(std::size_t size) const {
  const auto n = static_cast<std::int64_t>(size);
  const std::int64_t first = std::max<std::int64_t>(min_.rank < 0 ? min_.rank + n : min_.rank, 0);
  const std::int64_t last = std::min(max_.rank < 0 ? max_.rank + n : max_.rank, n - 1);
  if (first > last) return {};
  const auto count = static_cast<std::size_t>(last - first + 1);
  return {static_cast<std::size_t>(reverse_ ? n - 1 - last : first), count};
}

std::size_t Range::count_to(const SortedSet& set, const End& end, bool with_equal) const {
  switch (end.at) {
    case End::At::lowest:
      return 0;
    case End::At::highest:
      return set.size();
    case End::At::value:
      break;
  }
  return by_ == RangeBy::score ? set.count_below(end.score, with_equal)
                               : set.count_before(end.bytes, with_equal);
}

void reply_members(const SortedSet& set, const std::vector<std::uint32_t>& places, bool with_scores,
                   bool reverse, Reply& reply) {
  reply.array(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint32_t place = places[reverse ? places.size() - 1 - i : i];
    if (with_scores) reply.array(2);
    reply.bulk(set.member_at(place));
    if (with_scores) reply.real(set.score_at(place));
  }
}

void store_members(Context& ctx, std::string_view key, std::vector<Scored> members, Reply& reply) {
  const std::size_t size = members.size();
  if (size == 0) {
    ctx.table.erase(key);
  } else {
    for (Scored& member : members) member.score = kept_score(member.score);
    auto set = SortedSet::of(std::move(members));
    HF_ASSERT(set != nullptr);
    replace(ctx.table, key, Value::sorted_set(std::move(set)));
  }
  reply.integer(static_cast<std::int64_t>(size));
}

void emit_score(EventualContext& ctx, std::string_view key, std::string_view member, double score) {
  DoubleText room;
  ctx.effects.emit({.kind = EffectKind::put_score,
                    .key = key,
                    .element = member,
                    .text = double_text(kept_score(score), room)});
}

void store_members(EventualContext& ctx, std::string_view key, const std::vector<Scored>& members,
                   Reply& reply) {
  if (ctx.table.find(key, ctx.now) != nullptr) {
    ctx.effects.emit({.kind = EffectKind::clear, .key = key});
  }
  for (const Scored& member : members) emit_score(ctx, key, member.key.view(), member.score);
  reply.integer(static_cast<std::int64_t>(members.size()));
}

}  // namespace holdfast::command
