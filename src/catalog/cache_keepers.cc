// SPDX-License-Identifier: Apache-2.0
#include "catalog/cache_keepers.h"

#include <utility>

namespace holdfast {

void CacheKeepers::begin(std::string_view node) {
  keepers_.insert_or_assign(std::string(node), Keeper{.number = ++last_number_});
}

CacheKeepers::Keeper* CacheKeepers::current(std::string_view node, std::uint64_t number) {
  const auto found = keepers_.find(node);
  return found == keepers_.end() || found->second.number != number ? nullptr : &found->second;
}

void CacheKeepers::end(std::string_view node, std::uint64_t number) {
  if (current(node, number) != nullptr) keepers_.erase(keepers_.find(node));
}

void CacheKeepers::put_out(std::string_view node, std::uint64_t number) {
  Keeper* const keeper = current(node, number);
  if (keeper == nullptr || keeper->leaving) return;
  *keeper = {.number = ++last_number_, .leaving = true};
}

void CacheKeepers::forget(std::string_view node, std::uint64_t number) {
  const Keeper* const keeper = current(node, number);
  if (keeper != nullptr && keeper->leaving) keepers_.erase(keepers_.find(node));
}

void CacheKeepers::removed(std::string_view node) {
  if (const Keeper* const keeper = find(node)) put_out(node, keeper->number);
}

const CacheKeepers::Keeper* CacheKeepers::find(std::string_view node) const {
  const auto found = keepers_.find(node);
  return found == keepers_.end() ? nullptr : &found->second;
}

bool CacheKeepers::any_but(std::string_view node) const {
  return keepers_.size() > 1 || (keepers_.size() == 1 && keepers_.begin()->first != node);
}

void CacheKeepers::encode(std::string& out) const {
  wire::put_varint(out, last_number_);
  wire::put_varint(out, keepers_.size());
  for (const auto& [node, keeper] : keepers_) {
    wire::put_bytes(out, node);
    wire::put_varint(out, keeper.number);
    wire::put_u8(out, keeper.leaving ? 1 : 0);
  }
}

bool CacheKeepers::decode(wire::Reader& in) {
  last_number_ = in.varint();
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    std::string node(in.bytes());
    const std::uint64_t number = in.varint();
    keepers_.insert_or_assign(std::move(node), Keeper{.number = number, .leaving = in.u8() != 0});
  }
  return in.ok() && keepers_.size() == count;
}

}  // namespace holdfast
