// SPDX-License-Identifier: Apache-2.0
#include "strong/log_clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace holdfast::strong {
namespace {

const Instant noon = instant_from_ms(1'700'000'000'000);
constexpr Monotonic start{};

TEST(LogClock, IsTheWallsWhereThatIsNotBehind) {
  LogClock clock;
  EXPECT_EQ(clock.now(noon, start), noon);
  clock.applied(noon, start);
  EXPECT_EQ(clock.now(noon + Millis(7), start + Millis(5)), noon + Millis(7));
}

// A node's clock was an hour ahead: a wait of a minute, by the others, takes two, and not an hour.
TEST(LogClock, GoesOnAtHalfThePaceBehindATimeThatWasAhead) {
  constexpr Millis hour{3'600'000};
  LogClock clock;
  clock.applied(noon + hour, start);
  EXPECT_EQ(clock.now(noon, start), noon + hour);
  EXPECT_EQ(clock.now(noon + Millis(120'000), start + Millis(120'000)),
            noon + hour + Millis(60'000));
  // After two hours the clocks have caught up.
  EXPECT_EQ(clock.now(noon + 2 * hour, start + 2 * hour), noon + 2 * hour);
}

// However the nodes take turns in appending, the log's time never goes back, and once every clock
// is right again its lead on them never grows.
RC_GTEST_PROP(LogClock, TheLeadOnlyMelts, ()) {
  const auto nodes = *rc::gen::inRange<std::size_t>(1, 4);
  std::vector<LogClock> clocks(nodes);
  const Millis lead(*rc::gen::inRange(1, 10'000'000));
  Instant log = noon + lead;
  for (LogClock& clock : clocks) clock.applied(log, start);
  Millis gone{0};
  for (int i = 0; i < 100; ++i) {
    gone += Millis(*rc::gen::inRange(0, 100'000));
    const LogClock& appender = clocks[*rc::gen::inRange<std::size_t>(0, nodes)];
    const Instant time = appender.now(noon + gone, start + gone);
    RC_ASSERT(time >= log);
    RC_ASSERT(time >= noon + gone);
    RC_ASSERT(time <= std::max(noon + lead + gone / 2, noon + gone));
    log = time;
    for (LogClock& clock : clocks) clock.applied(log, start + gone);
  }
}

}  // namespace
}  // namespace holdfast::strong
