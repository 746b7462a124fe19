// SPDX-License-Identifier: Apache-2.0
#include "catalog/members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/limits.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;

const Instant noon = instant_from_ms(1'700'000'000'000);

Member at(std::string id, std::uint64_t durable, std::uint64_t log_bytes = 0) {
  Member member;
  member.id = std::move(id);
  member.durable = {durable};
  member.durable_log_bytes = log_bytes;
  return member;
}

Members three(std::uint64_t durable = 0) {
  Members members;
  for (const char* id : {"a", "b", "c"}) EXPECT_TRUE(members.join(at(id, durable), noon));
  return members;
}

Members::Report durable(std::uint64_t position, std::uint64_t log_bytes) {
  return {.durable = {position}, .durable_log_bytes = log_bytes};
}

Members::Report digest(std::uint64_t milestone, std::uint64_t value) {
  return {.milestone = {milestone}, .digest = value};
}

TEST(Members, TheLogMayForgetWhatEveryMemberHasMadeDurable) {
  Members members = three();
  EXPECT_EQ(members.trimmable(), Position{0});
  ASSERT_TRUE(members.report("a", durable(30, 300), noon));
  ASSERT_TRUE(members.report("b", durable(20, 200), noon));
  EXPECT_EQ(members.trimmable(), Position{0});
  ASSERT_TRUE(members.report("c", durable(10, 100), noon));
  EXPECT_EQ(members.trimmable(), Position{10});
  ASSERT_TRUE(members.report("c", durable(40, 400), noon));
  EXPECT_EQ(members.trimmable(), Position{20});
  EXPECT_FALSE(members.report("d", durable(50, 500), noon));
}

TEST(Members, TheLogGoesOnWithoutOneThatIsAwayTooLong) {
  Members members = three(10);
  const std::uint64_t far = limits::log_retained_bytes_max;
  ASSERT_TRUE(members.report("a", durable(90, far), noon));
  ASSERT_TRUE(members.report("b", durable(80, far), noon));
  EXPECT_EQ(members.trimmable(), Position{10});
  ASSERT_TRUE(members.report("a", durable(95, far + 1), noon));
  EXPECT_TRUE(members.find("c")->behind);
  EXPECT_EQ(members.trimmable(), Position{80});
  // It comes back with what it had: still behind. With a peer's checkpoint: not.
  ASSERT_TRUE(members.join(at("c", 10), noon));
  EXPECT_TRUE(members.find("c")->behind);
  ASSERT_TRUE(members.join(at("c", 85, far), noon));
  EXPECT_FALSE(members.find("c")->behind);
}

// Two nodes of a new cluster once waited for each other's data for ever: both came, by the log
// that they could not read before, after eventual keyspaces were made.
TEST(Members, OfThoseThatComeTheFirstBeginsWithNothing) {
  const auto with = [](std::string id, std::uint64_t folder) {
    Member member = at(std::move(id), 0);
    member.folder = folder;
    return member;
  };
  Members members;
  ASSERT_TRUE(members.join(with("a", 1), noon, true));
  EXPECT_FALSE(members.find("a")->needs_base);
  ASSERT_TRUE(members.join(with("b", 2), noon, true));
  EXPECT_TRUE(members.find("b")->needs_base);
  // Started again, with what they had: as before, whoever has come since.
  ASSERT_TRUE(members.join(with("a", 1), noon, true));
  ASSERT_TRUE(members.join(with("b", 2), noon, true));
  EXPECT_FALSE(members.find("a")->needs_base);
  EXPECT_TRUE(members.find("b")->needs_base);
  // Without it.
  ASSERT_TRUE(members.join(with("a", 3), noon, true));
  EXPECT_TRUE(members.find("a")->needs_base);
}

TEST(Members, WhoCameBeforeThereWereEventualKeyspacesNeedsNone) {
  Members members;
  ASSERT_TRUE(members.join(at("a", 0), noon, false));
  ASSERT_TRUE(members.join(at("b", 0), noon, false));
  EXPECT_FALSE(members.find("b")->needs_base);
}

TEST(Members, TheLogNeverGoesOnWithFewerThanAMajority) {
  Members members = three(10);
  const std::uint64_t far = limits::log_retained_bytes_max + 1;
  ASSERT_TRUE(members.report("a", durable(90, far), noon));
  EXPECT_TRUE(members.find("b")->behind != members.find("c")->behind);
  EXPECT_EQ(members.trimmable(), Position{10});
  ASSERT_TRUE(members.report("a", durable(900, 10 * far), noon));
  EXPECT_TRUE(members.find("b")->behind != members.find("c")->behind);
  EXPECT_EQ(members.trimmable(), Position{10});
}

TEST(Members, OneThatIsRemovedIsNotWaitedFor) {
  Members members = three(10);
  ASSERT_TRUE(members.report("a", durable(30, 1), noon));
  ASSERT_TRUE(members.report("b", durable(20, 1), noon));
  ASSERT_TRUE(members.remove("c"));
  EXPECT_EQ(members.trimmable(), Position{20});
  EXPECT_FALSE(members.remove("c"));
}

TEST(Members, OneThatDiffersFromAMajorityMustStop) {
  Members members = three();
  ASSERT_TRUE(members.report("a", digest(7, 1), noon));
  ASSERT_TRUE(members.report("b", digest(7, 2), noon));
  EXPECT_EQ(members.dissent("a"), std::nullopt);  // c may yet agree with either
  EXPECT_EQ(members.dissent("b"), std::nullopt);
  ASSERT_TRUE(members.report("c", digest(7, 2), noon));
  EXPECT_THAT(members.dissent("a").value_or(""), HasSubstr("position 7"));
  EXPECT_EQ(members.dissent("b"), std::nullopt);
  EXPECT_THAT(members.differing("b").value_or(""), HasSubstr("'a'"));
}

TEST(Members, WhereNoMajorityAgreesAllStop) {
  Members members;
  ASSERT_TRUE(members.join(at("a", 0), noon));
  ASSERT_TRUE(members.join(at("b", 0), noon));
  ASSERT_TRUE(members.report("a", digest(7, 1), noon));
  EXPECT_EQ(members.dissent("a"), std::nullopt);
  ASSERT_TRUE(members.report("b", digest(7, 2), noon));
  EXPECT_NE(members.dissent("a"), std::nullopt);
  EXPECT_NE(members.dissent("b"), std::nullopt);
}

TEST(Members, OneThatStartsAnewIsNotJudgedByWhatItWas) {
  Members members = three();
  for (const char* id : {"a", "b", "c"})
    ASSERT_TRUE(members.report(id, digest(7, id == std::string_view("a") ? 1 : 2), noon));
  ASSERT_NE(members.dissent("a"), std::nullopt);
  ASSERT_TRUE(members.join(at("a", 0), noon));
  EXPECT_EQ(members.dissent("a"), std::nullopt);
}

TEST(Members, HaveBounds) {
  Members members;
  EXPECT_FALSE(members.join(at("", 0), noon));
  EXPECT_FALSE(members.join(at(std::string(limits::member_id_bytes_max + 1, 'x'), 0), noon));
  Member wordy = at("a", 0);
  wordy.http = std::string(limits::member_address_bytes_max + 1, 'x');
  EXPECT_FALSE(members.join(wordy, noon));
  for (std::size_t i = 0; i < limits::members_max; ++i)
    EXPECT_TRUE(members.join(at("n" + std::to_string(i), 0), noon));
  EXPECT_FALSE(members.join(at("one more", 0), noon));
  EXPECT_TRUE(members.join(at("n0", 5), noon));  // it is known
  for (std::uint64_t p = 1; p <= 1'000; ++p) ASSERT_TRUE(members.report("n0", digest(p, p), noon));
  EXPECT_LT(members.encode().size(), 4'096U);
}

TEST(Members, AreStoredAndFoundDamagedOnes) {
  Members members = three(10);
  ASSERT_TRUE(members.report("a", {{30}, 300, {7}, 0xABCD}, noon));
  ASSERT_TRUE(members.report("b", {{30}, 300, {7}, 0xABCE}, noon));
  const std::string bytes = members.encode();
  Members again;
  ASSERT_TRUE(again.decode(bytes));
  EXPECT_EQ(again.encode(), bytes);
  EXPECT_EQ(again.find("a")->durable, Position{30});
  EXPECT_TRUE(again.differing("a"));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(again.decode(std::string_view(bytes).substr(0, size)));
  EXPECT_FALSE(again.decode(bytes + "x"));
  EXPECT_EQ(again.encode(), bytes);  // nothing of those was taken
}

RC_GTEST_PROP(Members, NeverForgetWhatAMemberNotBehindStillNeeds, ()) {
  Members members;
  Position before;
  std::uint64_t log = 0;
  const auto steps = *rc::gen::inRange(1, 200);
  for (int i = 0; i < steps; ++i) {
    log += *rc::gen::inRange<std::uint64_t>(0, limits::log_retained_bytes_max);
    const std::string id(1, static_cast<char>('a' + *rc::gen::inRange(0, 5)));
    const std::uint64_t position = *rc::gen::inRange(0, i + 1);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        (void)members.join(at(id, position, log), noon);
        break;
      case 1:
        (void)members.remove(id);
        break;
      default:
        (void)members.report(id, durable(position, log), noon);
    }
    RC_ASSERT(members.trimmable() >= before);
    before = members.trimmable();
    for (const auto& [name, member] : members.all())
      RC_ASSERT(member.behind || member.durable >= members.trimmable());
  }
}

}  // namespace
}  // namespace holdfast
