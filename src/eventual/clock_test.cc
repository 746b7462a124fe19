// SPDX-License-Identifier: Apache-2.0
#include "eventual/clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace holdfast::eventual {
namespace {

using Plain = std::map<std::uint8_t, std::uint8_t>;  // absent and 0 are the same

VersionVector vector_of(const Plain& plain) {
  VersionVector vector;
  for (const auto& [origin, sequence] : plain) vector.raise(OriginId{origin}, sequence);
  return vector;
}
std::uint8_t at(const Plain& plain, std::uint8_t origin) {
  const auto it = plain.find(origin);
  return it == plain.end() ? std::uint8_t{0} : it->second;
}

RC_GTEST_PROP(VersionVector, IncludesMergesAndMeetsAsAMapDoes, (const Plain& a, const Plain& b)) {
  const VersionVector x = vector_of(a);
  const VersionVector y = vector_of(b);
  VersionVector merged = x;
  merged.merge(y);
  const VersionVector met = VersionVector::meet(x, y);
  bool includes = true;
  for (int origin = 0; origin < 256; ++origin) {
    const auto o = static_cast<std::uint8_t>(origin);
    RC_ASSERT(x.at(OriginId{o}) == at(a, o));
    RC_ASSERT(merged.at(OriginId{o}) == std::max(at(a, o), at(b, o)));
    RC_ASSERT(met.at(OriginId{o}) == std::min(at(a, o), at(b, o)));
    includes = includes && at(a, o) >= at(b, o);
  }
  RC_ASSERT(x.includes(y) == includes);
  RC_ASSERT(merged.includes(x) && merged.includes(y) && x.includes(met) && y.includes(met));
}

RC_GTEST_PROP(VersionVector, IsReadAsItWasWritten, (const Plain& plain)) {
  const VersionVector vector = vector_of(plain);
  std::string bytes;
  vector.encode(bytes);
  wire::Reader in(bytes);
  RC_ASSERT(VersionVector::decode(in) == vector);
  RC_ASSERT(in.ok() && in.at_end());
}

TEST(VersionVector, OnlyTheOneEncodingIsRead) {
  const auto reads = [](const std::string& bytes) {
    wire::Reader in(bytes);
    VersionVector::decode(in);
    return in.ok();
  };
  const auto part = [](std::uint64_t origin, std::uint64_t sequence) {
    std::string bytes;
    wire::put_u64(bytes, origin);
    wire::put_varint(bytes, sequence);
    return bytes;
  };
  EXPECT_TRUE(reads("\x02" + part(1, 5) + part(2, 6)));
  EXPECT_FALSE(reads("\x02" + part(2, 6) + part(1, 5)));
  EXPECT_FALSE(reads("\x02" + part(1, 5) + part(1, 5)));
  EXPECT_FALSE(reads("\x01" + part(1, 0)));
  EXPECT_FALSE(reads("\x02" + part(1, 5)));
  EXPECT_FALSE(reads(std::string(9, '\xff') + "\x01")) << "a count without end";
}

TEST(Stamp, TheLaterClockThenTheGreaterOrigin) {
  EXPECT_LT((Stamp{{1}, {9}}), (Stamp{{2}, {1}}));
  EXPECT_LT((Stamp{{2}, {1}}), (Stamp{{2}, {2}}));
}

}  // namespace
}  // namespace holdfast::eventual
