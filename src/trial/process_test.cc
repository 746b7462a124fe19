// SPDX-License-Identifier: Apache-2.0
#include "trial/process.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

namespace holdfast::trial {
namespace {

// The lab once waited for ever for a node that it ended at once: our handler had taken the signal
// in the child, before that became the node.
TEST(Process, WhatIsEndedAsItBeginsEnds) {
  boost::asio::io_context io;
  const boost::asio::signal_set ours(io, SIGTERM, SIGINT);
  for (int i = 0; i < 50; ++i) {
    Process process("sleep", {find_program("sleep"), "1000"}, "/dev/null");
    ASSERT_TRUE(process.start());
    process.stop();
    EXPECT_EQ(process.id(), 0);
  }
}

// The program decides what it does with signals, whatever we had blocked or ignored.
TEST(Process, OursAreNotInherited) {
  const auto before = std::signal(SIGTERM, SIG_IGN);
  Process process("sleep", {find_program("sleep"), "1000"}, "/dev/null");
  ASSERT_TRUE(process.start());
  process.stop();
  EXPECT_EQ(process.id(), 0);
  std::signal(SIGTERM, before);
}

}  // namespace
}  // namespace holdfast::trial
