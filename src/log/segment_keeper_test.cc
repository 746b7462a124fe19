// SPDX-License-Identifier: Apache-2.0
// Files of a log that come and go on a disk that is nearly full or will not let go.
#include "log/segment_keeper.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "log/fault_file_system.h"
#include "log/segment.h"
#include "log/test_support.h"

namespace holdfast {
namespace {

using log_test::entries_of;
using log_test::payload_of;

constexpr std::string_view folder = "/data/log";

/// A disk that keeps one file, whoever would have it removed.
class KeepsOne final : public FileSystem {
 public:
  KeepsOne(FileSystem& under, std::string kept) : under_(under), kept_(std::move(kept)) {}
  Result<std::unique_ptr<File>> open(const std::string& path, bool create) override {
    return under_.open(path, create);
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return under_.list(directory);
  }
  Status make_directory(const std::string& path) override { return under_.make_directory(path); }
  Status rename(const std::string& from, const std::string& to) override {
    return under_.rename(from, to);
  }
  Status remove(const std::string& path) override {
    return path == kept_ ? fail(Code::io, "remove: refused") : under_.remove(path);
  }
  Status sync_directory(const std::string& path) override { return under_.sync_directory(path); }

 private:
  FileSystem& under_;
  const std::string kept_;
};

DiskLogOptions options(std::size_t first_bytes, std::size_t bytes) {
  return {.directory = std::string(folder),
          .segment_bytes = bytes,
          .segment_bytes_first = first_bytes,
          .own_threads = false,
          .log_id = 7};
}

std::unique_ptr<DiskLog> open_or_die(FileSystem& files, const DiskLogOptions& with) {
  auto log = DiskLog::open(files, with);
  HF_ASSERT(log);
  return std::move(*log);
}

void fill(DiskLog& log, std::uint64_t count, std::size_t bytes) {
  for (std::uint64_t i = 0; i < count; ++i)
    HF_ASSERT(log.append(payload_of(log.last().value + 1, bytes), Durability::everysec));
}

TEST(SegmentKeeper, BehindAFileThatCannotBeRemovedAllStay) {
  // Were they removed, the next start would find a gap and take it for damage.
  FaultFileSystem disk;
  {
    KeepsOne files(disk, std::string(folder) + "/" + log_format::segment_name(2));
    const auto log = open_or_die(files, options(8_KiB, 8_KiB));
    fill(*log, 400, 100);
    log->sync_now();
    log->trim({300});
    log->trim({350});
    EXPECT_GT(log->first(), Position{200});
    ASSERT_TRUE(log->close());
  }
  EXPECT_EQ(disk.paths().front(), std::string(folder) + "/" + log_format::segment_name(2));
  const auto log = open_or_die(disk, options(8_KiB, 8_KiB));
  EXPECT_EQ(log->last(), Position{400});
  EXPECT_EQ(entries_of(*log, {350})->size(), 50u);
  log->trim({350});
  EXPECT_NE(disk.paths().front(), std::string(folder) + "/" + log_format::segment_name(2));
}

TEST(SegmentKeeper, MakesASmallerFileWhereTheDiskHasNoRoomForAFullOne) {
  FaultFileSystem files;
  std::uint64_t taken = 0;
  {
    const auto log = open_or_die(files, options(256_KiB, 1_MiB));
    files.set_capacity(256_KiB + 200_KiB);  // not for 512 KiB more, nor 256, but 128, then 64
    while (log->append(payload_of(taken + 1, 10'000), Durability::everysec)) ++taken;
    EXPECT_EQ(log->bytes_on_disk(), 256_KiB + 128_KiB + 64_KiB);
    EXPECT_GT(taken, 40u);
    log->sync_now();
  }
  files.set_capacity(2_MiB);
  files.power_cut();
  EXPECT_EQ(entries_of(*open_or_die(files, options(256_KiB, 1_MiB)))->size(), taken);
}

}  // namespace
}  // namespace holdfast
