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

TEST(Members, CachesAreStoredAsSoonAsThereWereSome) {
  Members members = three(10);
  const std::string before = members.encode();
  EXPECT_EQ(before[0], 3) << "as builds write it that know no caches";
  members.caches().begin("b");
  members.caches().begin("a");
  members.caches().put_out("a", 2);
  const std::string bytes = members.encode();
  EXPECT_EQ(bytes[0], 4);
  EXPECT_EQ(bytes.substr(before.size()), std::string("\x03\x02\x01"
                                                     "a\x03\x01\x01"
                                                     "b\x01\x00",
                                                     10));
  Members again;
  ASSERT_TRUE(again.decode(before));
  EXPECT_TRUE(again.caches().all().empty());
  ASSERT_TRUE(again.decode(bytes));
  EXPECT_EQ(again.encode(), bytes);
  EXPECT_TRUE(again.caches().find("a")->leaving);
  EXPECT_FALSE(again.caches().find("b")->leaving);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(again.decode(std::string_view(bytes).substr(0, size))) << size;
  EXPECT_EQ(again.encode(), bytes);
}

// What is said of a node's caches may come late: it counts only if nothing was said since.
TEST(CacheKeepers, LateWordsAreOfNoAccount) {
  CacheKeepers keepers;
  EXPECT_FALSE(keepers.any_but("a"));
  keepers.begin("a");
  EXPECT_FALSE(keepers.any_but("a"));
  EXPECT_TRUE(keepers.any_but("b"));
  keepers.begin("a");  // anew
  keepers.end("a", 1);
  keepers.put_out("a", 1);
  ASSERT_NE(keepers.find("a"), nullptr);
  EXPECT_FALSE(keepers.find("a")->leaving);
  keepers.forget("a", 2);
  EXPECT_NE(keepers.find("a"), nullptr) << "it was not put out";
  keepers.put_out("a", 2);
  EXPECT_TRUE(keepers.find("a")->leaving);
  EXPECT_EQ(keepers.find("a")->number, 3u);
  keepers.forget("a", 2);
  EXPECT_NE(keepers.find("a"), nullptr);
  keepers.forget("a", 3);
  EXPECT_EQ(keepers.find("a"), nullptr);
  keepers.begin("a");
  EXPECT_EQ(keepers.find("a")->number, 4u) << "no number comes again";
  keepers.end("a", 4);
  EXPECT_EQ(keepers.find("a"), nullptr);
}

// It may live, and not know so yet.
TEST(Members, WhoIsTakenOutWithCachesIsWaitedForLikeWhoWasPutOut) {
  Members members = three();
  members.caches().begin("b");
  ASSERT_TRUE(members.remove("b"));
  ASSERT_NE(members.caches().find("b"), nullptr);
  EXPECT_TRUE(members.caches().find("b")->leaving);
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
