// SPDX-License-Identifier: Apache-2.0
#include "eventual/saying.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/limits.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast::eventual {
namespace {

constexpr std::string_view ellipsis = "…";

/// The first by name, so that two replicas that have the same show the same.
template <typename NameAt>
std::vector<std::size_t> first_places(std::size_t size, NameAt name_at) {
  std::vector<std::size_t> places(size);
  for (std::size_t i = 0; i < size; ++i) places[i] = i;
  const std::size_t wanted = std::min(size, limits::explained_items_max);
  const auto middle = places.begin() + static_cast<std::ptrdiff_t>(wanted);
  std::partial_sort(places.begin(), middle, places.end(),
                    [&](std::size_t a, std::size_t b) { return name_at(a) < name_at(b); });
  places.resize(wanted);
  return places;
}

void add_item(std::string& out, const std::string& item) {
  if (!out.empty()) out += ", ";
  out += item;
}

std::string short_hash(const Hash& hash) {
  std::string out;
  const auto name_at = [&](std::size_t i) { return hash.field_at(i); };
  for (const std::size_t i : first_places(hash.size(), name_at))
    add_item(out, in_short(hash.field_at(i)) + ": " + in_short(hash.value_at(i)));
  if (hash.size() > limits::explained_items_max) add_item(out, std::string(ellipsis));
  return out;
}

std::string short_set(const Set& set) {
  std::string out;
  const auto name_at = [&](std::size_t i) { return set.at(i); };
  for (const std::size_t i : first_places(set.size(), name_at)) add_item(out, in_short(set.at(i)));
  if (set.size() > limits::explained_items_max) add_item(out, std::string(ellipsis));
  return out;
}

std::string short_sorted_set(const SortedSet& set) {
  std::string out;
  for (const std::uint32_t place : set.slice(0, std::min(set.size(), limits::explained_items_max)))
    add_item(out, fmt::format("{}: {}", in_short(set.member_at(place)), set.score_at(place)));
  if (set.size() > limits::explained_items_max) add_item(out, std::string(ellipsis));
  return out;
}

std::string short_list(const List& list) {
  std::string out;
  list.walk(0, limits::explained_items_max, [&](std::size_t, std::string_view item) {
    add_item(out, in_short(item));
    return true;
  });
  if (list.size() > limits::explained_items_max) add_item(out, std::string(ellipsis));
  return out;
}

}  // namespace

std::string in_short(std::string_view text) {
  if (text.size() <= limits::explained_text_bytes_max) return std::string(text);
  std::size_t end = limits::explained_text_bytes_max;
  // UTF-8's characters go on in bytes 10xxxxxx, at most three. Other bytes are cut anywhere.
  for (int i = 0; i < 3 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80; ++i) --end;
  return std::string(text.substr(0, end)).append(ellipsis);
}

Saying say(Table& table, std::string_view key, Instant now) {
  Saying saying;
  const Value* const value = table.find(key, now);
  if (value == nullptr) return saying;
  saying.type = value->type();
  switch (value->type()) {
    case Type::string: {
      IntegerText room;
      const std::string_view text = value->text(room);
      saying.size = text.size();
      saying.value = in_short(text);
      break;
    }
    case Type::hash:
      saying.size = value->as_hash().size();
      saying.value = short_hash(value->as_hash());
      break;
    case Type::set:
      saying.size = value->as_set().size();
      saying.value = short_set(value->as_set());
      break;
    case Type::sorted_set:
      saying.size = value->as_sorted_set().size();
      saying.value = short_sorted_set(value->as_sorted_set());
      break;
    case Type::list:
      saying.size = value->as_list().size();
      saying.value = short_list(value->as_list());
      break;
  }
  saying.digest = table.digest_of(key, now);
  saying.expiry = table.expiry(key, now);
  return saying;
}

}  // namespace holdfast::eventual
