// SPDX-License-Identifier: Apache-2.0
#include "log/memory_log.h"

#include <gtest/gtest.h>

#include "log/test_support.h"

namespace holdfast {
namespace {

using log_test::Recorder;
using Numbers = std::vector<std::uint64_t>;
using Failures = std::vector<std::pair<std::uint64_t, Code>>;

TEST(MemoryLog, DeliversInOrderOnlyFromDeliver) {
  MemoryLog log;
  Recorder recorder;
  ASSERT_TRUE(log.follow({}, {}, recorder));
  ASSERT_TRUE(log.append("a", 1, Durability::always));
  ASSERT_TRUE(log.append("b", 2, Durability::always));
  EXPECT_TRUE(recorder.tokens.empty());
  log.deliver();
  EXPECT_EQ(recorder.tokens, (Numbers{1, 2}));
  EXPECT_EQ(recorder.payloads, (std::vector<std::string>{"a", "b"}));
}

TEST(MemoryLog, HeldAppendsLandWhenReleased) {
  int wakes = 0;
  MemoryLog log(std::make_shared<MemoryLogStore>(), [&] { ++wakes; });
  Recorder recorder;
  ASSERT_TRUE(log.follow({}, {}, recorder));
  log.hold();
  for (std::uint64_t token = 1; token <= 3; ++token) {
    ASSERT_TRUE(log.append("x", token, Durability::always));
  }
  log.deliver();
  EXPECT_TRUE(recorder.tokens.empty());
  EXPECT_EQ(log.held(), 3u);
  log.release(2);
  log.deliver();
  EXPECT_EQ(recorder.tokens, (Numbers{1, 2}));
  ASSERT_TRUE(log.append("x", 4, Durability::always));
  log.deliver();
  EXPECT_EQ(recorder.tokens.size(), 2u);
  log.release();
  log.deliver();
  EXPECT_EQ(recorder.tokens, (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(wakes, 2);
}

TEST(MemoryLog, FailuresComeInTheirPlace) {
  MemoryLog log;
  Recorder recorder;
  ASSERT_TRUE(log.follow({}, {}, recorder));
  log.hold();
  for (std::uint64_t token = 1; token <= 4; ++token) {
    ASSERT_TRUE(log.append(std::to_string(token), token, Durability::always));
  }
  log.fail_next(Code::unavailable);
  log.release(1);
  log.release(1);
  log.fail_next(Code::unknown, true);
  log.fail_next(Code::unknown, false);
  log.release();
  log.deliver();
  EXPECT_EQ(recorder.tokens, (Numbers{2, 0}));
  EXPECT_EQ(recorder.payloads, (std::vector<std::string>{"2", "3"}));  // 3 did land
  EXPECT_EQ(recorder.failures,
            (Failures{{1, Code::unavailable}, {3, Code::unknown}, {4, Code::unknown}}));
}

TEST(MemoryLog, TwoNodesSeeOneOrder) {
  const auto store = std::make_shared<MemoryLogStore>();
  MemoryLog one(store), two(store);
  Recorder first, second;
  ASSERT_TRUE(one.follow({}, {}, first));
  ASSERT_TRUE(two.follow({}, {}, second));
  ASSERT_TRUE(one.append("a", 1, Durability::always));
  ASSERT_TRUE(two.append("b", 1, Durability::always));
  ASSERT_TRUE(one.append("c", 2, Durability::always));
  two.deliver();
  one.deliver();
  EXPECT_EQ(first.payloads, second.payloads);
  EXPECT_EQ(first.tokens, (Numbers{1, 0, 2}));
  EXPECT_EQ(second.tokens, (Numbers{0, 1, 0}));
}

TEST(MemoryLog, ARestartFollowsFromItsCheckpoint) {
  const auto store = std::make_shared<MemoryLogStore>();
  Recorder before;
  {
    MemoryLog log(store);
    ASSERT_TRUE(log.follow({}, {}, before));
    for (std::uint64_t token = 1; token <= 5; ++token) {
      ASSERT_TRUE(log.append("x", token, Durability::always));
    }
    log.deliver();
    log.trim({2});
  }
  MemoryLog log(store);
  Recorder after;
  EXPECT_FALSE(log.follow({1}, {}, after));
  ASSERT_TRUE(log.follow({3}, {}, after));
  EXPECT_EQ(after.positions, (Numbers{4, 5}));
}

TEST(MemoryLog, RefusesWhileFullAndAfterClose) {
  MemoryLog log;
  Recorder recorder;
  ASSERT_TRUE(log.follow({}, {}, recorder));
  log.refuse_full();
  EXPECT_EQ(log.append("x", 1, Durability::always).error().code, Code::unavailable);
  EXPECT_FALSE(log.writable());
  log.allow();
  log.hold();
  ASSERT_TRUE(log.append("x", 2, Durability::always));
  log.close();
  EXPECT_EQ(recorder.tokens, Numbers{2});
  EXPECT_FALSE(log.writable());
}

TEST(MemoryLog, EndsCanBeHeldAndFail) {
  MemoryLog log;
  Recorder recorder;
  ASSERT_TRUE(log.follow({}, {}, recorder));
  std::vector<Result<Position>> answers;
  const auto note = [&](Result<Position> p) { answers.push_back(std::move(p)); };
  log.hold_ends();
  log.end(Millis(1), note);
  ASSERT_TRUE(log.append("x", 1, Durability::always));
  log.deliver();
  EXPECT_TRUE(answers.empty());
  log.answer_ends();
  log.deliver();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(*answers[0], Position{1});
  log.hold_ends();
  log.end(Millis(1), note);
  log.answer_ends(Error{Code::unavailable, "no majority"});
  log.deliver();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].error().code, Code::unavailable);
}

}  // namespace
}  // namespace holdfast
