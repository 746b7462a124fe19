// SPDX-License-Identifier: Apache-2.0
// The logs on this machine's own disk, with their own threads.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/directory_lock.h"
#include "log/embedded_log.h"
#include "log/test_support.h"

namespace holdfast {
namespace {

using log_test::payload_of;
using log_test::Recorder;
using log_test::TemporaryFolder;
using log_test::Turns;

TEST(RealDisk, AppendsAreDeliveredInOrderAndFoundAfterARestart) {
  const TemporaryFolder folder;
  Turns turns;
  const DiskLogOptions options{.directory = folder.path() + "/log",
                               .segment_bytes = 64_KiB,
                               .segment_bytes_first = 16_KiB,
                               .wake = turns.wake()};
  constexpr std::uint64_t count = 300;
  {
    auto log = open_embedded_log(posix_file_system(), options);
    ASSERT_TRUE(log) << log.error().message;
    Recorder recorder;
    ASSERT_TRUE((*log)->follow({}, {}, recorder));
    for (std::uint64_t i = 1; i <= count; ++i) {
      const auto durability = i % 3 == 0 ? Durability::everysec : Durability::always;
      ASSERT_TRUE((*log)->append(payload_of(i, i * 7), i, durability));
    }
    turns.until([&] {
      (*log)->deliver();
      return recorder.tokens.size() == count;
    });
    for (std::uint64_t i = 1; i <= count; ++i) {
      EXPECT_EQ(recorder.tokens[i - 1], i);
      EXPECT_EQ(recorder.positions[i - 1], i);
    }
    (*log)->close();
  }
  auto log = open_embedded_log(posix_file_system(), options);
  ASSERT_TRUE(log) << log.error().message;
  Recorder recorder;
  ASSERT_TRUE((*log)->follow({}, {}, recorder));
  ASSERT_EQ(recorder.payloads.size(), count);
  for (std::uint64_t i = 1; i <= count; ++i) {
    EXPECT_EQ(recorder.payloads[i - 1], payload_of(i, i * 7));
  }
}

TEST(RealDisk, EverysecReachesTheDiskWithoutBeingAskedAgain) {
  const TemporaryFolder folder;
  Turns turns;
  auto log = DiskLog::open(posix_file_system(), {.directory = folder.path(),
                                                 .segment_bytes_first = 64_KiB,
                                                 .sync_interval = Millis(5),
                                                 .wake = turns.wake()});
  ASSERT_TRUE(log) << log.error().message;
  ASSERT_TRUE((*log)->append("soon", Durability::everysec));
  turns.until([&] { return (*log)->synced() == Position{1}; });
}

TEST(RealDisk, ASecondProcessOnOneFolderRefusesNamingIt) {
  const TemporaryFolder folder;
  auto lock = DirectoryLock::acquire(folder.path());
  ASSERT_TRUE(lock) << lock.error().message;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = DirectoryLock::acquire(folder.path());
    const bool refused = !second && second.error().code == Code::unavailable &&
                         second.error().message.find(folder.path()) != std::string::npos;
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  lock->reset();
  EXPECT_TRUE(DirectoryLock::acquire(folder.path()));
}

TEST(RealDisk, ErrorsNameTheFile) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/absent";
  const auto file = posix_file_system().open(path, false);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Code::io);
  EXPECT_NE(file.error().message.find(path), std::string::npos);
}

}  // namespace
}  // namespace holdfast
