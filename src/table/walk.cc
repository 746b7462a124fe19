// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/logging.h"
#include "base/wire.h"
#include "table/table_impl.h"
#include "value/hash.h"
#include "value/set.h"

namespace holdfast {

using table::hash_of;

namespace {

constexpr std::uint64_t cursor_mask = ~std::uint64_t{0xFFFF};  // the upper 48 bits

Value value_of(std::string_view row) {
  wire::Reader in(row);
  in.varint();  // the version
  auto value = decode_value(in.raw(in.remaining()));
  HF_ASSERT(in.ok() && value.has_value());  // the store has checked the block's checksum
  return std::move(*value);
}

/// The same for equal contents, whatever order a collection's items lie in.
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
  }
  return 0;
}

}  // namespace

std::uint64_t Table::scan(std::uint64_t cursor, std::size_t count, Instant now,
                          const Visit& visit) {
  Impl& impl = *impl_;
  impl.settle();
  struct Met {
    std::uint64_t hash;
    std::uint32_t at;     // in memory, or
    std::size_t fetched;  // among `rows`
  };
  std::vector<Met> met;
  std::vector<std::pair<std::string, Value>> rows;
  std::size_t visited = 0;
  const std::size_t wanted = std::max<std::size_t>(count, 1);
  std::uint64_t from = cursor & cursor_mask;
  for (std::size_t slot = Impl::slot_of(from); slot < Impl::slot_count; ++slot) {
    met.clear();
    rows.clear();
    const Impl::Slot& in_memory = impl.slots[slot];
    for (std::uint32_t at = 0; at < in_memory.size(); ++at) {
      const std::uint64_t hash = hash_of(in_memory.at(at).key.view());
      if (hash >= from) met.push_back({hash, at, 0});
    }
    const Status scanned =
        impl.scan_cold(from, [&](std::uint64_t hash, std::string_view key, std::string_view row) {
          if (Impl::slot_of(hash) != slot) return false;
          // Some beyond what is wanted, to know where to go on.
          if (rows.size() > wanted && (rows.size() < 2 || hash != met.back().hash)) return false;
          rows.emplace_back(key, value_of(row));
          met.push_back({hash, Impl::Slot::none, rows.size() - 1});
          return true;
        });
    HF_ASSERT(scanned.has_value());
    std::sort(met.begin(), met.end(), [](const Met& a, const Met& b) { return a.hash < b.hash; });
    for (std::size_t i = 0; i < met.size(); ++i) {
      // Those of one cursor value go together: a cursor cannot part them.
      if (visited >= wanted && (met[i].hash & cursor_mask) != (met[i - 1].hash & cursor_mask)) {
        return met[i].hash & cursor_mask;
      }
      const bool cold = met[i].at == Impl::Slot::none;
      const std::string_view key =
          cold ? std::string_view(rows[met[i].fetched].first) : in_memory.at(met[i].at).key.view();
      const auto expiry = impl.expiries.find(key);
      if (expiry != impl.expiries.end() && expiry->second <= to_ms(now)) continue;
      visit(key, cold ? rows[met[i].fetched].second : in_memory.at(met[i].at).value);
      ++visited;
    }
    if (slot + 1 == Impl::slot_count) break;
    from = (slot + 1) << (64 - Impl::slot_bits);
    if (visited >= wanted) return from;
  }
  return 0;
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
      impl.scan_cold(0, [&](std::uint64_t, std::string_view key, std::string_view row) {
        const auto expiry = impl.expiries.find(key);
        if (expiry == impl.expiries.end() || expiry->second > to_ms(now)) {
          visit(key, value_of(row));
        }
        return true;
      });
  HF_ASSERT(scanned.has_value());
}

std::uint64_t Table::digest(Instant now) {
  std::uint64_t sum = 0;
  for_each(now, [&](std::string_view key, const Value& value) {
    const auto expiry = impl_->expiries.find(key);
    const std::uint64_t at =
        expiry == impl_->expiries.end() ? 0 : static_cast<std::uint64_t>(expiry->second);
    std::uint64_t parts[2] = {content_digest(value), at};
    sum += checksum(key, checksum({reinterpret_cast<const char*>(parts), sizeof(parts)}));
  });
  return sum;
}

}  // namespace holdfast
