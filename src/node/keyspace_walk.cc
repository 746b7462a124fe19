// SPDX-License-Identifier: Apache-2.0
#include "node/keyspace_walk.h"

#include "command/table.h"

namespace holdfast::node {
namespace {

constexpr int place_bits = 16;
constexpr std::uint64_t place_mask = (std::uint64_t{1} << place_bits) - 1;
constexpr int free_bits = 64 - Table::cursor_bits;
static_assert(limits::keyspaces_max <= place_mask);
static_assert(place_bits + Table::cursor_bits <= 53);  // what a double holds exactly

}  // namespace

std::uint64_t KeyspaceWalk::cursor_of(std::uint16_t place, std::uint64_t table_cursor) {
  return table_cursor >> free_bits << place_bits | place;
}

std::optional<KeyspaceId> KeyspaceWalk::confined_to(std::string_view pattern) const {
  const std::string_view literal = pattern.substr(0, pattern.find_first_of("*?[\\"));
  if (literal.find(':') == std::string_view::npos) return std::nullopt;
  return catalog_.of_key(literal).id;
}

KeyspaceState* KeyspaceWalk::at_or_after(std::uint64_t place) {
  for (KeyspaceState* state : states_.all()) {
    if (state->place >= place && shown_(*state)) return state;
  }
  return nullptr;
}

std::uint64_t KeyspaceWalk::step(std::uint64_t cursor, std::size_t count, std::string_view pattern,
                                 const Table::Visit& visit) {
  const auto confined = confined_to(pattern);
  std::uint64_t place = cursor >> place_bits << free_bits;
  KeyspaceState* state = at_or_after(cursor & place_mask);
  if (cursor == 0 && confined) state = states_.find(*confined);
  if (state != nullptr && !shown_(*state)) return 0;
  // A keyspace that was dropped since: go on at the next one's start.
  if (state != nullptr && state->place != (cursor & place_mask)) place = 0;
  std::size_t visited = 0;
  while (state != nullptr) {
    place = state->table.scan(place, count - visited, time_(*state),
                              [&](std::string_view key, const Value& value) {
                                ++visited;
                                visit(key, value);
                              });
    if (place != 0) return cursor_of(state->place, place);
    state = confined ? nullptr : at_or_after(state->place + 1U);
    if (state != nullptr && visited >= count) return state->place;
  }
  return 0;
}

void KeyspaceWalk::all(std::string_view pattern, const Table::Visit& visit) {
  const auto confined = confined_to(pattern);
  for (KeyspaceState* state : states_.all()) {
    if ((!confined || *confined == state->id) && shown_(*state))
      state->table.for_each(time_(*state), visit);
  }
}

}  // namespace holdfast::node
