// SPDX-License-Identifier: Apache-2.0
// Files cut short and bits flipped: what the disk had for sure is served whole
// or not at all; only what a power cut could have torn may be cut off.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "log/fault_file_system.h"
#include "log/record.h"
#include "log/test_support.h"

namespace holdfast {
namespace {

using log_test::entries_of;
using log_test::payload_of;
using log_test::Stored;

constexpr std::string_view folder = "/data/log";

DiskLogOptions options(std::size_t segment_bytes = 8_KiB) {
  return {.directory = std::string(folder),
          .segment_bytes = segment_bytes,
          .segment_bytes_first = segment_bytes,
          .own_threads = false,
          .log_id = 77};
}

std::unique_ptr<DiskLog> open_or_die(FaultFileSystem& files, const DiskLogOptions& options) {
  auto log = DiskLog::open(files, options);
  HF_ASSERT(log);
  return std::move(*log);
}

std::vector<Stored> append_some(DiskLog& log, std::uint64_t count, std::size_t bytes) {
  std::vector<Stored> out;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t number = log.last().value + 1;
    std::string payload = payload_of(number, bytes + number % 9);
    HF_ASSERT(log.append(payload, Durability::everysec));
    out.push_back({number, std::move(payload)});
  }
  return out;
}

std::string newest_file(const FaultFileSystem& files) {
  return files.paths().back();
}

bool is_prefix(const std::vector<Stored>& part, const std::vector<Stored>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

/// The files as they are now, to be put back after each harm.
class Copy {
 public:
  explicit Copy(const FaultFileSystem& files) {
    for (const std::string& path : files.paths()) contents_.emplace_back(path, files.content(path));
  }
  std::unique_ptr<FaultFileSystem> restored() const {
    auto files = std::make_unique<FaultFileSystem>();
    for (const auto& [path, bytes] : contents_) files->set_content(path, bytes);
    return files;
  }

 private:
  std::vector<std::pair<std::string, std::string>> contents_;
};

TEST(CutFile, EveryByteOfTheNewestFilesLast4KiBOpensWithAllThatWasAcknowledged) {
  // Records fill the file up to a few bytes from its end; the first 40 entries
  // are on disk and acknowledged, the rest, in the last 4 KiB and more, is not.
  FaultFileSystem files;
  std::vector<Stored> all;
  {
    const auto log = open_or_die(files, options());
    all = append_some(*log, 20, 90);
    log->sync_now();
    const auto rest = append_some(*log, 34, 90);
    all.insert(all.end(), rest.begin(), rest.end());
  }
  constexpr std::size_t acknowledged = 20;
  ASSERT_EQ(files.paths().size(), 1u);
  const Copy copy(files);
  const std::size_t size = files.content(newest_file(files)).size();
  for (std::size_t cut = 0; cut <= 4_KiB; ++cut) {
    const auto cut_files = copy.restored();
    const std::string path = newest_file(*cut_files);
    cut_files->set_content(path, cut_files->content(path).substr(0, size - cut));
    auto log = DiskLog::open(*cut_files, options());
    ASSERT_TRUE(log) << cut << ": " << log.error().message;
    const auto found = entries_of(**log);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_GE(found->size(), acknowledged) << cut;
    ASSERT_TRUE(is_prefix(*found, all)) << cut;
    // And it goes on, in a file as long as before.
    ASSERT_TRUE((*log)->append("next", Durability::always));
    (*log)->sync_now();
    ASSERT_EQ((*log)->synced().value, found->size() + 1);
    ASSERT_EQ(cut_files->content(path).size(), size);
  }
}

TEST(CutFile, WhatWasMarkedAsOnDiskAndIsGoneIsDamage) {
  FaultFileSystem files;
  {
    const auto log = open_or_die(files, options());
    append_some(*log, 10, 100);
    log->sync_now();  // leaves a mark behind
  }
  const std::string path = newest_file(files);
  std::string bytes = files.content(path);
  std::fill(bytes.begin() + 600, bytes.begin() + 700, '\0');
  files.set_content(path, bytes);
  const auto log = DiskLog::open(files, options());
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::corrupt);
  EXPECT_NE(log.error().message.find(path), std::string::npos);
  EXPECT_NE(log.error().message.find("offset"), std::string::npos);
}

TEST(CutFile, WhatIsMarkedFarBehindTheDamageIsFoundWhereverItLies) {
  // Remains are looked through a window at a time: the mark lies behind the first one, or
  // across its end.
  constexpr std::size_t window_bytes = 1_MiB;
  constexpr std::size_t first_entry =
      log_format::segment_header_bytes + log_format::record_bytes(0);
  constexpr std::size_t small = log_format::record_bytes(64);
  for (std::size_t distance = window_bytes - 48; distance <= window_bytes + 16; distance += 8) {
    SCOPED_TRACE(distance);
    FaultFileSystem files;
    {
      const auto log = open_or_die(files, options(2_MiB));
      HF_ASSERT(log->append(payload_of(1, 64), Durability::everysec));
      const std::size_t large = distance - small - log_format::record_header_bytes;
      HF_ASSERT(log->append(payload_of(2, large), Durability::everysec));
      log->sync_now();  // leaves a mark behind
    }
    files.flip_bit(newest_file(files), (first_entry + 50) * 8);
    const auto log = DiskLog::open(files, options(2_MiB));
    ASSERT_FALSE(log);
    EXPECT_EQ(log.error().code, Code::corrupt);
  }
}

TEST(CutFile, AMissingFileInTheMiddleIsNamed) {
  FaultFileSystem files;
  {
    const auto log = open_or_die(files, options());
    append_some(*log, 300, 100);
    ASSERT_TRUE(log->close());
  }
  ASSERT_TRUE(files.remove("/data/log/0000000002.log"));
  const auto log = DiskLog::open(files, options());
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::corrupt);
  EXPECT_NE(log.error().message.find("/data/log/0000000002.log"), std::string::npos);
}

TEST(CutFile, AnotherLogsFileIsRefused) {
  FaultFileSystem files;
  DiskLogOptions other = options();
  other.directory = "/data/other";
  other.log_id = 78;
  for (const auto& o : {options(), other}) {
    const auto log = open_or_die(files, o);
    append_some(*log, 200, 100);
    ASSERT_TRUE(log->close());
  }
  files.set_content("/data/log/0000000002.log", files.content("/data/other/0000000002.log"));
  const auto log = DiskLog::open(files, options());
  ASSERT_FALSE(log);
  EXPECT_NE(log.error().message.find("another log"), std::string::npos);
}

enum class Ending { closed, marked, killed };

class FlippedBit : public testing::TestWithParam<Ending> {};

TEST_P(FlippedBit, IsNeverServed) {
  FaultFileSystem files;
  std::vector<Stored> all;
  std::size_t marked = 0;  // entries that something on file says are on disk
  {
    const auto log = open_or_die(files, options());
    all = append_some(*log, 250, 80);
    marked = all.size();
    if (GetParam() == Ending::closed) {
      ASSERT_TRUE(log->close());
    } else {
      log->sync_now();
    }
    if (GetParam() == Ending::killed) {
      const auto rest = append_some(*log, 30, 80);
      all.insert(all.end(), rest.begin(), rest.end());
    }
  }
  ASSERT_GE(files.paths().size(), 4u);
  const Copy copy(files);
  std::mt19937_64 random(5);
  int refused = 0, cut = 0, harmless = 0;
  for (int i = 0; i < 3'000; ++i) {
    const auto harmed = copy.restored();
    const auto paths = harmed->paths();
    const std::string& path = paths[random() % paths.size()];
    const std::uint64_t bit = random() % (harmed->content(path).size() * 8);
    harmed->flip_bit(path, bit);
    SCOPED_TRACE(testing::Message() << path << " bit " << bit);
    const auto log = DiskLog::open(*harmed, options());
    if (!log) {
      ++refused;
      ASSERT_EQ(log.error().code, Code::corrupt);
      ASSERT_NE(log.error().message.find(path), std::string::npos) << log.error().message;
      ASSERT_NE(log.error().message.find("offset"), std::string::npos) << log.error().message;
      continue;
    }
    const auto found = entries_of(**log);
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_TRUE(is_prefix(*found, all));
    ASSERT_GE(found->size(), marked);
    if (found->size() < all.size()) {
      ++cut;
      ASSERT_TRUE((*log)->tail_was_cut());
      ASSERT_FALSE((*log)->closed_cleanly());
    } else {
      ++harmless;  // in zeros not used yet, or in a mark that others repeat
    }
  }
  EXPECT_GT(refused, 1'000);
  EXPECT_EQ(cut > 0, GetParam() == Ending::killed);
  EXPECT_GT(harmless, 0);
}

INSTANTIATE_TEST_SUITE_P(AfterEveryEnding, FlippedBit,
                         testing::Values(Ending::closed, Ending::marked, Ending::killed));

TEST(FlippedBit, AfterTheStartIsNotServedByReplay) {
  FaultFileSystem files;
  {
    const auto log = open_or_die(files, options());
    append_some(*log, 100, 80);
    ASSERT_TRUE(log->close());
  }
  const auto log = open_or_die(files, options());
  files.flip_bit("/data/log/0000000001.log", 1000 * 8);
  const auto found = entries_of(*log);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::corrupt);
  EXPECT_NE(found.error().message.find("/data/log/0000000001.log"), std::string::npos);
}

TEST(FlippedBit, InTheOldestRecordKeptIsNamed) {
  // After a trim nothing before it says what should stand there.
  FaultFileSystem files;
  {
    const auto log = open_or_die(files, options());
    append_some(*log, 300, 80);
    log->sync_now();
    log->trim({200});
    ASSERT_TRUE(log->close());
  }
  const std::string oldest = files.paths().front();
  ASSERT_NE(oldest, "/data/log/0000000001.log");
  files.flip_bit(oldest, (log_format::segment_header_bytes + 45) * 8);
  const auto log = DiskLog::open(files, options());
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::corrupt);
  EXPECT_NE(log.error().message.find(oldest), std::string::npos);
}

TEST(TornTail, IsZeroedBeforeAnythingFollows) {
  // Without that, an old record could stand exactly where a new one ends.
  FaultFileSystem files;
  {
    const auto log = open_or_die(files, options());
    append_some(*log, 10, 64);
  }
  const std::string path = newest_file(files);
  const std::string before = files.content(path);
  files.flip_bit(path, (64 + 40 + 2 * 112) * 8);  // in the third record; nothing is marked
  auto log = open_or_die(files, options());
  EXPECT_TRUE(log->tail_was_cut());
  EXPECT_FALSE(log->closed_cleanly());
  const std::uint64_t last = log->last().value;
  ASSERT_LT(last, 10u);
  const std::string after = files.content(path);
  const std::size_t end = after.find_last_not_of('\0');
  EXPECT_LT(end, before.find_last_not_of('\0'));
  // The new entries take the old ones' places; a crash in between shows no old one.
  ASSERT_TRUE(log->append("new", Durability::always));
  log.reset();
  log = open_or_die(files, options());
  EXPECT_EQ(log->last().value, last + 1);
  EXPECT_EQ(entries_of(*log)->back().payload, "new");
}

}  // namespace
}  // namespace holdfast
