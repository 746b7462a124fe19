// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "table/store.h"

namespace holdfast {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;

}  // namespace

std::string_view CheckpointRows::keep(std::string_view bytes) {
  if (bytes.empty()) return std::string_view("");
  if (bytes.size() > block_bytes / 4) {  // a block of its own, so that little is left unused
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(bytes.size()));
    std::memcpy(blocks_.back().get(), bytes.data(), bytes.size());
    return {blocks_.back().get(), bytes.size()};
  }
  if (bytes.size() > free_bytes_) {
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_bytes));
    free_ = blocks_.back().get();
    free_bytes_ = block_bytes;
  }
  char* const place = free_;
  std::memcpy(place, bytes.data(), bytes.size());
  free_ += bytes.size();
  free_bytes_ -= bytes.size();
  return {place, bytes.size()};
}

void CheckpointRows::put(Family family, std::string_view key, std::string_view value) {
  bytes_ += key.size() + value.size();
  const std::string_view kept_key = keep(key);
  of(family).rows.push_back({kept_key, keep(value)});
}

void CheckpointRows::erase(Family family, std::string_view key) {
  bytes_ += key.size();
  of(family).rows.push_back({keep(key), std::nullopt});
}

void CheckpointRows::erase_prefix(Family family, std::string_view prefix) {
  HF_ASSERT(prefix.find_first_not_of('\xFF') != prefix.npos);
  bytes_ += prefix.size();
  of(family).prefixes.emplace_back(prefix);
}

void CheckpointRows::put_off(std::size_t bytes, std::function<void(CheckpointRows&)> make) {
  put_off_bytes_ += bytes;
  put_off_.push_back(std::move(make));
}

void CheckpointRows::complete() {
  for (const auto& make : std::exchange(put_off_, {})) make(*this);
  put_off_bytes_ = 0;
}

std::string keyspace_row_prefix(KeyspaceId keyspace) {
  std::string prefix;
  for (int shift = 24; shift >= 0; shift -= 8) {
    prefix.push_back(static_cast<char>(keyspace.value >> shift));
  }
  return prefix;
}

void erase_keyspace(CheckpointRows& rows, KeyspaceId keyspace) {
  const std::string prefix = keyspace_row_prefix(keyspace);
  for (const Family family : {Family::table, Family::ids, Family::open}) {
    rows.erase_prefix(family, prefix);
  }
}

void sort_rows(std::deque<CheckpointRows::Row>& rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.key < b.key; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + 1 < rows.size() && rows[i + 1].key == rows[i].key) continue;
    rows[kept++] = rows[i];
  }
  rows.resize(kept);
}

}  // namespace holdfast
