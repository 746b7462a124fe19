// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>

#include "base/checksum.h"
#include "table/table_impl.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast {

namespace {

constexpr std::uint64_t cursor_mask = ~std::uint64_t{0} << (64 - Table::cursor_bits);

// What one step of a scan holds at once, however many keys it is asked for.
constexpr std::size_t stretch_keys_max = 1'024;
constexpr std::size_t stretch_bytes_max = 4_MiB;

/// The same for equal contents, whatever order the items of a set or hash lie in.
std::uint64_t content_digest(const Value& value) {
  switch (value.type()) {
    case Type::string: {
      IntegerText room;
      return checksum(value.text(room), 1);
    }
    case Type::hash: {
      const Hash& hash = value.as_hash();
      std::uint64_t sum = 2;
      for (std::size_t i = 0; i < hash.size(); ++i) {
        sum += checksum(hash.value_at(i), checksum(hash.field_at(i), 2));
      }
      return sum;
    }
    case Type::set: {
      const Set& set = value.as_set();
      std::uint64_t sum = 3;
      for (std::size_t i = 0; i < set.size(); ++i) sum += checksum(set.at(i), 3);
      return sum;
    }
    case Type::sorted_set: {
      const SortedSet& set = value.as_sorted_set();
      std::uint64_t sum = 4;
      for (std::size_t i = 0; i < set.size(); ++i) {
        const auto bits = std::bit_cast<std::array<char, sizeof(double)>>(set.score_at(i));
        sum += checksum(set.member_at(i), checksum({bits.data(), bits.size()}, 4));
      }
      return sum;
    }
    case Type::list: {
      const List& list = value.as_list();
      std::uint64_t chain = 5;  // the order is a part of what it is
      list.walk(0, list.size(), [&](std::size_t, std::string_view item) {
        chain = checksum(item, chain);
        return true;
      });
      return chain;
    }
  }
  return 0;
}

}  // namespace

std::uint64_t Table::Impl::collect(std::uint64_t from, std::size_t wanted,
                                   std::vector<Slot::Met>& met) const {
  std::uint64_t last = ~std::uint64_t{0};
  if (slots.empty()) return last;
  do {
    last = slots[slot_of(from)].collect(from, wanted - met.size(), met);
    from = last + 1;
  } while (met.size() < wanted && from != 0);
  return last;
}

// Memory first, over as many slots as it takes, then the store for the same
// stretch of hashes: the shorter of the two sets the stretch's end.
std::uint64_t Table::scan(std::uint64_t cursor, std::size_t count, Instant now,
                          const Visit& visit) {
  Impl& impl = *impl_;
  impl.settle();
  struct Row {
    std::uint64_t hash;
    std::string key;
    std::string bytes;
  };
  std::vector<Impl::Slot::Met> met;
  std::vector<Row> rows;
  const std::size_t wanted = std::max<std::size_t>(count, 1);
  std::size_t visited = 0;
  std::uint64_t from = cursor & cursor_mask;
  for (;;) {
    const std::size_t stretch = std::min(wanted - visited, stretch_keys_max);
    met.clear();
    rows.clear();
    std::uint64_t last = impl.collect(from, stretch, met);
    std::size_t row_bytes = 0;
    const Status scanned =
        impl.scan_cold(from, [&](std::uint64_t hash, std::string_view key, std::string_view row) {
          if (hash > last) return false;
          if (impl.expired_cold(key, now)) return true;
          if ((rows.size() >= stretch || row_bytes >= stretch_bytes_max) &&
              (hash & cursor_mask) != (rows.back().hash & cursor_mask)) {
            last = (hash & cursor_mask) - 1;  // a cursor cannot part those of one value
            return false;
          }
          rows.push_back({hash, std::string(key), std::string(row)});
          row_bytes += row.size();
          return true;
        });
    Impl::must(scanned);
    std::sort(met.begin(), met.end(), [](const auto& a, const auto& b) { return a.hash < b.hash; });

    auto row = rows.begin();
    for (auto at = met.begin();;) {
      const bool in_memory = at != met.end() && at->hash <= last;
      if (!in_memory && row == rows.end()) break;
      const bool is_row = !in_memory || (row != rows.end() && row->hash < at->hash);
      const std::uint64_t hash = is_row ? row->hash : at->hash;
      if (visited >= wanted && (hash & cursor_mask) != from) return hash & cursor_mask;
      from = hash & cursor_mask;
      if (is_row) {
        visit(row->key, impl.value_of_row(row->key, row->hash, row->bytes));
        ++row;
        ++visited;
        continue;
      }
      const table::Entry& entry = impl.slots[Impl::slot_of(hash)].at(at->place);
      ++at;
      if (impl.expired(entry, now)) continue;
      visit(entry.key.view(), entry.value);
      ++visited;
    }
    from = last + 1;  // 0 past the last hash
    if (from == 0 || visited >= wanted) return from;
  }
}

void Table::for_each(Instant now, const Visit& visit) {
  Impl& impl = *impl_;
  impl.settle();
  for (const Impl::Slot& slot : impl.slots) {
    for (std::size_t at = 0; at < slot.size(); ++at) {
      if (!impl.expired(slot.at(at), now)) visit(slot.at(at).key.view(), slot.at(at).value);
    }
  }
  const Status scanned =
      impl.scan_cold(0, [&](std::uint64_t hash, std::string_view key, std::string_view row) {
        if (!impl.expired_cold(key, now)) visit(key, impl.value_of_row(key, hash, row));
        return true;
      });
  Impl::must(scanned);
}

std::uint64_t Table::Impl::digest_of(std::string_view key, const Value& value) const {
  const auto expiry = expiries.find(key);
  const std::uint64_t at =
      expiry == expiries.end() ? 0 : static_cast<std::uint64_t>(expiry->second.at);
  std::uint64_t parts[2] = {content_digest(value), at};
  return checksum(key, checksum({reinterpret_cast<const char*>(parts), sizeof(parts)}));
}

std::uint64_t Table::digest(Instant now) {
  std::uint64_t sum = 0;
  for_each(now,
           [&](std::string_view key, const Value& value) { sum += impl_->digest_of(key, value); });
  return sum;
}

std::uint64_t Table::digest_of(std::string_view key, Instant now) {
  const Value* const value = find(key, now);
  return value == nullptr ? 0 : impl_->digest_of(key, *value);
}

}  // namespace holdfast
