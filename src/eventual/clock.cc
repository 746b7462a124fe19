// SPDX-License-Identifier: Apache-2.0
#include "eventual/clock.h"

namespace holdfast::eventual {
namespace {

bool before(const VersionVector::Part& part, OriginId origin) {
  return part.origin < origin;
}

}  // namespace

std::uint64_t VersionVector::at(OriginId origin) const {
  const auto it = std::lower_bound(parts_.begin(), parts_.end(), origin, before);
  return it != parts_.end() && it->origin == origin ? it->sequence : 0;
}

bool VersionVector::includes(const VersionVector& other) const {
  auto mine = parts_.begin();
  for (const Part& part : other.parts_) {
    while (mine != parts_.end() && mine->origin < part.origin) ++mine;
    if (mine == parts_.end() || mine->origin != part.origin || mine->sequence < part.sequence)
      return false;
  }
  return true;
}

void VersionVector::raise(OriginId origin, std::uint64_t sequence) {
  if (sequence == 0) return;  // absent means none, so that equal vectors compare equal
  const auto it = std::lower_bound(parts_.begin(), parts_.end(), origin, before);
  if (it == parts_.end() || it->origin != origin) {
    parts_.insert(it, Part{origin, sequence});
  } else {
    it->sequence = std::max(it->sequence, sequence);
  }
}

void VersionVector::merge(const VersionVector& other) {
  for (const Part& part : other.parts_) raise(part.origin, part.sequence);
}

void VersionVector::erase(OriginId origin) {
  const auto it = std::lower_bound(parts_.begin(), parts_.end(), origin, before);
  if (it != parts_.end() && it->origin == origin) parts_.erase(it);
}

VersionVector VersionVector::meet(const VersionVector& a, const VersionVector& b) {
  VersionVector result;
  auto other = b.parts_.begin();
  for (const Part& part : a.parts_) {
    while (other != b.parts_.end() && other->origin < part.origin) ++other;
    if (other == b.parts_.end()) break;
    if (other->origin == part.origin)
      result.parts_.push_back({part.origin, std::min(part.sequence, other->sequence)});
  }
  return result;
}

void VersionVector::encode(std::string& out) const {
  wire::put_varint(out, parts_.size());
  for (const Part& part : parts_) {
    wire::put_u64(out, part.origin.value);
    wire::put_varint(out, part.sequence);
  }
}

VersionVector VersionVector::decode(wire::Reader& in) {
  constexpr std::size_t part_bytes_min = 9;
  VersionVector result;
  const std::uint64_t count = in.varint();
  if (count > in.remaining() / part_bytes_min) {
    in.raw(in.remaining() + 1);  // makes the reader bad
    return result;
  }
  result.parts_.reserve(static_cast<std::size_t>(count));
  for (std::uint64_t i = 0; i < count; ++i) {
    const Part part{OriginId{in.u64()}, in.varint()};
    const bool ascends = result.parts_.empty() || result.parts_.back().origin < part.origin;
    if (!in.ok() || !ascends || part.sequence == 0) {
      in.raw(in.remaining() + 1);
      return result;
    }
    result.parts_.push_back(part);
  }
  return result;
}

}  // namespace holdfast::eventual
