// SPDX-License-Identifier: Apache-2.0
// That the disk of the other tests really does the harm they count on.
#include "log/fault_file_system.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

namespace holdfast {
namespace {

std::unique_ptr<File> make(FaultFileSystem& files, const std::string& path) {
  (void)files.make_directory("/d");
  return std::move(*files.open(path, true));
}

TEST(FaultFileSystem, ASyncedWriteSurvivesAPowerCutAndAnotherMayTear) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    FaultFileSystem files(seed);
    const auto file = make(files, "/d/f");
    ASSERT_TRUE(file->write_at(0, std::string(1024, 'a')));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(files.sync_directory("/d"));
    ASSERT_TRUE(file->write_at(0, std::string(1024, 'b')));
    files.power_cut();
    EXPECT_FALSE(file->write_at(0, "x"));
    const std::string content = files.content("/d/f");
    ASSERT_EQ(content.size(), 1024u);
    outcomes.insert({content[0], content[511], content[512]});
  }
  // Each of the two sectors is old or new, whole.
  EXPECT_EQ(outcomes, (std::set<std::string>{"aaa", "aab", "bba", "bbb"}));
}

TEST(FaultFileSystem, ANameThatWasNotSyncedMayBeGone) {
  bool there = false, gone = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FaultFileSystem files(seed);
    const auto file = make(files, "/d/f");
    ASSERT_TRUE(file->sync());
    files.power_cut();
    (files.paths().empty() ? gone : there) = true;
  }
  EXPECT_TRUE(there && gone);
}

TEST(FaultFileSystem, AfterAFailedSyncTheNextSaysYesAndLies) {
  bool lied = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FaultFileSystem files(seed);
    const auto file = make(files, "/d/f");
    ASSERT_TRUE(file->write_at(0, std::string(512, 'a')));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(files.sync_directory("/d"));
    ASSERT_TRUE(file->write_at(0, std::string(512, 'b')));
    files.fail_sync_after(0);
    EXPECT_FALSE(file->sync());
    EXPECT_TRUE(file->sync());
    EXPECT_EQ(files.content("/d/f")[0], 'b');
    files.power_cut();
    lied = lied || files.content("/d/f")[0] == 'a';
  }
  EXPECT_TRUE(lied);
}

TEST(FaultFileSystem, ASyncCoversOnlyWhatWasWrittenBeforeItBegan) {
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    FaultFileSystem files(seed);
    const auto file = make(files, "/d/f");
    ASSERT_TRUE(file->write_at(0, std::string(512, 'a')));
    ASSERT_TRUE(files.sync_directory("/d"));
    files.hold_syncs();
    std::thread syncing([&] { EXPECT_TRUE(file->sync()); });
    files.await_held_sync();
    ASSERT_TRUE(file->write_at(0, std::string(512, 'b')));
    files.release_syncs();
    syncing.join();
    files.power_cut();
    const char found = files.content("/d/f")[0];
    ASSERT_TRUE(found == 'a' || found == 'b');
    lost = lost || found == 'a';
  }
  EXPECT_TRUE(lost);
}

TEST(FaultFileSystem, FillsUpFailsAndRots) {
  FaultFileSystem files;
  const auto file = make(files, "/d/f");
  files.set_capacity(100);
  EXPECT_TRUE(file->write_at(0, std::string(100, 'a')));
  EXPECT_EQ(file->write_at(100, "b").error().code, Code::no_space);
  EXPECT_EQ(file->allocate(101).error().code, Code::no_space);
  files.fail_write_after(1);
  EXPECT_TRUE(file->write_at(0, "x"));
  EXPECT_EQ(file->write_at(0, "x").error().code, Code::io);
  EXPECT_TRUE(file->write_at(0, "x"));
  files.flip_bit("/d/f", 0);
  EXPECT_EQ(*file->read_at(0, 1), "y");
  files.set_read_bytes_max(7);
  EXPECT_EQ(file->read_at(0, 100)->size(), 7u);
  files.lose_power_after(0);
  EXPECT_FALSE(file->write_at(0, "x"));
  EXPECT_FALSE(files.list("/d"));
}

}  // namespace
}  // namespace holdfast
