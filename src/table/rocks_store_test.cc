// SPDX-License-Identifier: Apache-2.0
#include "table/rocks_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rocksdb/file_system.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "table/test_table.h"

namespace holdfast {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

/// Files of which one change fails: the one that `failing` counts down to.
class HarmfulFiles final : public rocksdb::FileSystemWrapper {
 public:
  explicit HarmfulFiles(IOStatus failure)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), failure_(std::move(failure)) {}
  const char* Name() const override { return "HarmfulFiles"; }

  void fail_in(int steps) { left_ = steps; }
  bool has_failed() const { return left_ <= 0; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    if (IOStatus status = step(); !status.ok()) return status;
    IOStatus status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<File>(std::move(*file), *this);
    return status;
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* debug) override {
    if (IOStatus status = step(); !status.ok()) return status;
    return FileSystemWrapper::LinkFile(from, to, options, debug);
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    if (IOStatus status = step(); !status.ok()) return status;
    return FileSystemWrapper::RenameFile(from, to, options, debug);
  }

 private:
  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> file, HarmfulFiles& files)
        : FSWritableFileOwnerWrapper(std::move(file)), files_(files) {}
    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    IODebugContext* debug) override {
      const IOStatus status = files_.step();
      return status.ok() ? FSWritableFileOwnerWrapper::Append(data, options, debug) : status;
    }
    IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                    const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
      return Append(data, options, debug);
    }
    // What was to be synced is there all the same: the harder case.
    IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
      const IOStatus done = FSWritableFileOwnerWrapper::Sync(options, debug);
      const IOStatus status = files_.step();
      return status.ok() ? done : status;
    }
    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
      return Sync(options, debug);
    }

   private:
    HarmfulFiles& files_;
  };

  IOStatus step() { return --left_ == 0 ? failure_ : IOStatus::OK(); }

  IOStatus failure_;
  std::atomic<int> left_{1 << 30};
};

constexpr int rows_each = 20;

Status commit_generation(Store& store, int generation) {
  CheckpointRows rows;
  for (int i = 0; i < rows_each; ++i) {
    rows.put(Family::table, "key" + std::to_string(i), std::to_string(generation));
    rows.put(Family::ids, "id" + std::to_string(i), std::to_string(generation));
  }
  rows.put(Family::meta, "generation", std::to_string(generation));
  return store.commit(std::move(rows));
}

/// The generation that every row has; fails where they differ.
int generation_of(Store& store) {
  const auto generation = store.get(Family::meta, "generation");
  EXPECT_TRUE(generation) << generation.error().message;
  const std::string number = generation->value_or("0");
  for (int i = 0; i < rows_each; ++i) {
    EXPECT_EQ(store.get(Family::table, "key" + std::to_string(i))->value_or("0"), number);
    EXPECT_EQ(store.get(Family::ids, "id" + std::to_string(i))->value_or("0"), number);
  }
  return std::stoi(number);
}

/// At every step of some commits, one after the other, the disk fails once.
void fail_everywhere(const IOStatus& failure, Code code, bool goes_on) {
  bool over = false;
  for (int steps = 1; !over; ++steps) {
    SCOPED_TRACE(steps);
    const Folder folder;
    const auto files = std::make_shared<HarmfulFiles>(failure);
    auto store = table::open_rocks_store(folder.path, files);
    ASSERT_TRUE(store);
    ASSERT_TRUE(commit_generation(**store, 1));
    files->fail_in(steps);
    int committed = 1;
    int failed = 0;
    int generation = 1;
    while (generation < 4) {
      const Status status = commit_generation(**store, ++generation);
      if (status) {
        committed = generation;
      } else {
        ++failed;
        EXPECT_EQ(status.error().code, code) << status.error().message;
      }
      EXPECT_EQ(generation_of(**store), committed) << "what failed shows nothing of itself";
    }
    over = !files->has_failed();
    EXPECT_LE(failed, goes_on ? 1 : 3);
    store->reset();
    store = open_rocks_store(folder.path);
    ASSERT_TRUE(store) << store.error().message;
    const int reopened = generation_of(**store);
    // What failed may prove to be there after all, but whole.
    EXPECT_GE(reopened, committed);
    EXPECT_LE(reopened, generation);
    EXPECT_TRUE(commit_generation(**store, 9));
    EXPECT_EQ(generation_of(**store), 9);
  }
}

TEST(RocksStore, AFullDiskAtAnyStepOfACommitLeavesTheOneBeforeAndTheNextOneWorks) {
  fail_everywhere(IOStatus::NoSpace("full"), Code::no_space, true);
}

TEST(RocksStore, AnErrorAtAnyStepOfACommitLeavesAWholeCheckpoint) {
  fail_everywhere(IOStatus::IOError("broken"), Code::io, false);
}

TEST(RocksStore, CheckpointsThatFollowEachOtherFastLeaveFewFiles) {
  const Folder folder;
  auto store = open_rocks_store(folder.path);
  ASSERT_TRUE(store);
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(commit_generation(**store, i));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
    files += entry.path().extension() == ".sst" ? 1 : 0;
  }
  EXPECT_LT(files, 3 * 50u) << "three families of up to 40 and what compaction has made";
  EXPECT_EQ(generation_of(**store), 299);
}

TEST(RocksStore, StartsLeaveNothingBehindThatGrows) {
  const Folder folder;
  std::size_t after_first = 0;
  for (int i = 0; i < 6; ++i) {
    {
      auto store = open_rocks_store(folder.path);
      ASSERT_TRUE(store);
      ASSERT_TRUE(commit_generation(**store, i));
    }
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
      files += entry.path().extension() == ".sst" ? 0 : 1;
    }
    if (i == 1) after_first = files;
    EXPECT_LE(files, i > 1 ? after_first + 1 : 20);
  }
}

TEST(RocksStore, ReadsSeeOneWholeCheckpointWhileAnotherThreadCommits) {
  const Folder folder;
  auto store = open_rocks_store(folder.path);
  ASSERT_TRUE(store);
  ASSERT_TRUE(commit_generation(**store, 1));
  std::atomic<bool> done{false};
  std::thread committer([&] {
    for (int generation = 2; generation < 40; ++generation) {
      EXPECT_TRUE(commit_generation(**store, generation));
    }
    done = true;
  });
  int last = 0;
  while (!done) {
    std::set<std::string> generations;
    ASSERT_TRUE((*store)->scan(Family::table, "key", "key", [&](auto, std::string_view value) {
      generations.emplace(value);
      return true;
    }));
    ASSERT_EQ(generations.size(), 1u);
    EXPECT_GE(std::stoi(*generations.begin()), last);
    last = std::stoi((*store)->get(Family::meta, "generation")->value());
  }
  committer.join();
  EXPECT_EQ(generation_of(**store), 39);
}

/// The generations that a snapshot's rows have, in all families together.
std::set<std::string> generations_of(StoreSnapshot& snapshot) {
  std::set<std::string> generations;
  for (const Family family : {Family::meta, Family::table, Family::ids}) {
    EXPECT_TRUE(snapshot.scan(family, "", [&](auto, std::string_view value) {
      generations.emplace(value);
      return true;
    }));
  }
  return generations;
}

TEST(RocksStore, ASnapshotIsOfOneMomentWhileAnotherThreadCommits) {
  const Folder folder;
  auto store = open_rocks_store(folder.path);
  ASSERT_TRUE(store);
  ASSERT_TRUE(commit_generation(**store, 1));
  std::atomic<bool> done{false};
  std::thread committer([&] {
    for (int generation = 2; generation < 120; ++generation) {
      EXPECT_TRUE(commit_generation(**store, generation));
    }
    done = true;
  });
  std::vector<std::pair<std::unique_ptr<StoreSnapshot>, std::string>> held;
  while (!done) {
    auto snapshot = (*store)->snapshot();
    ASSERT_TRUE(snapshot);
    const auto generations = generations_of(**snapshot);
    ASSERT_EQ(generations.size(), 1u) << "families of different checkpoints";
    if (held.size() < 20) held.emplace_back(std::move(*snapshot), *generations.begin());
  }
  committer.join();
  for (const auto& [snapshot, generation] : held) {
    EXPECT_EQ(generations_of(*snapshot), std::set<std::string>{generation});
  }
}

TEST(RocksStore, ASnapshotEndsWithAnErrorWhenItsStoreCloses) {
  const Folder folder;
  auto store = open_rocks_store(folder.path);
  ASSERT_TRUE(store);
  ASSERT_TRUE(commit_generation(**store, 1));
  auto snapshot = (*store)->snapshot();
  ASSERT_TRUE(snapshot);
  ASSERT_EQ((*snapshot)->get(Family::meta, "generation").value(), "1");
  store->reset();
  const auto after = (*snapshot)->get(Family::meta, "generation");
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Code::io);
}

TEST(RocksStore, ASnapshotEndsWithAnErrorWhenTheStoreIsOpenedAnewWhileItIsRead) {
  const Folder folder;
  const auto files = std::make_shared<HarmfulFiles>(IOStatus::IOError("broken"));
  auto store = table::open_rocks_store(folder.path, files);
  ASSERT_TRUE(store);
  int generation = 0;
  bool ended = false;
  for (int steps = 1; steps < 40; ++steps) {
    // A compaction that met the error in the background shows it at the commit after it.
    ++generation;
    ASSERT_TRUE(commit_generation(**store, generation) || commit_generation(**store, generation));
    auto snapshot = (*store)->snapshot();
    ASSERT_TRUE(snapshot);
    std::atomic<bool> done{false};
    std::atomic<int> reads{0};
    bool reader_ended = false;
    std::thread reader([&] {
      while (!done && !reader_ended) {
        const auto scanned = (*snapshot)->scan(Family::table, "", [](auto, auto) { return true; });
        reader_ended = !scanned;
        EXPECT_TRUE(scanned || scanned.error().code == Code::io);
        ++reads;
      }
      snapshot->reset();  // on this thread, perhaps while the database closes
    });
    while (reads == 0) std::this_thread::yield();
    files->fail_in(steps);
    while (!commit_generation(**store, generation + 1)) {
    }
    ++generation;
    done = true;
    reader.join();
    ended = ended || reader_ended;
    files->fail_in(1 << 30);
    EXPECT_EQ(generation_of(**store), generation);
  }
  EXPECT_TRUE(ended) << "no error made the store be opened anew";
}

// Run by the test below as a process of its own.
TEST(RocksStoreChild, CommitsUntilItIsKilled) {
  const char* const folder = std::getenv("HOLDFAST_STORE_CHILD");
  if (folder == nullptr) GTEST_SKIP() << "only a part of AKilledProcess…";
  auto store = open_rocks_store(folder);
  ASSERT_TRUE(store);
  for (int generation = generation_of(**store) + 1;; ++generation) {
    ASSERT_TRUE(commit_generation(**store, generation));
    const char byte = static_cast<char>(generation % 128);
    ASSERT_EQ(write(STDOUT_FILENO, &byte, 1), 1);
  }
}

TEST(RocksStore, AKilledProcessLeavesItsLastCheckpointWhole) {
  const Folder folder;
  int acknowledged = 0;
  for (int kill_after = 1; kill_after < 14; ++kill_after) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      dup2(ends[1], STDOUT_FILENO);
      setenv("HOLDFAST_STORE_CHILD", folder.path.c_str(), 1);
      execl("/proc/self/exe", "table_test", "--gtest_filter=RocksStoreChild.*", "--gtest_brief=1",
            nullptr);
      _exit(1);
    }
    close(ends[1]);
    // Killed somewhere in the commit that follows the last byte read here.
    const int wanted = acknowledged + 1 + kill_after % 4;
    char byte = 0;
    while (acknowledged < wanted && read(ends[0], &byte, 1) == 1) {
      if (byte == static_cast<char>((acknowledged + 1) % 128)) ++acknowledged;
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    while (read(ends[0], &byte, 1) == 1) ++acknowledged;
    close(ends[0]);
    auto store = open_rocks_store(folder.path);
    ASSERT_TRUE(store) << store.error().message;
    const int generation = generation_of(**store);
    EXPECT_GE(generation, acknowledged);
    EXPECT_LE(generation, acknowledged + 1);
    acknowledged = generation;
  }
  EXPECT_GT(acknowledged, 13);
}

TEST(RocksStore, AMissingOrCutFileIsNamedAtTheStart) {
  for (const bool cut : {false, true}) {
    const Folder folder;
    { ASSERT_TRUE(commit_generation(**open_rocks_store(folder.path), 1)); }
    std::filesystem::path file;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
      if (entry.path().extension() == ".sst") file = entry.path();
    }
    if (cut) {
      std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
    } else {
      std::filesystem::remove(file);
    }
    auto store = open_rocks_store(folder.path);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::corrupt);
    EXPECT_NE(store.error().message.find(file.stem().string()), std::string::npos)
        << store.error().message;
  }
}

TEST(RocksStore, AFileThatWasBeingWrittenWhenTheProcessEndedIsRemoved) {
  const Folder folder;
  { ASSERT_TRUE(open_rocks_store(folder.path)); }
  std::ofstream(folder.path + "/checkpoint-9.sst") << "half";
  ASSERT_TRUE(open_rocks_store(folder.path));
  EXPECT_FALSE(std::filesystem::exists(folder.path + "/checkpoint-9.sst"));
}

TEST(RocksStore, AFlippedBitIsNoticedNeverServed) {
  const Folder folder;
  {
    auto store = open_rocks_store(folder.path);
    ASSERT_TRUE(store);
    CheckpointRows rows;
    for (int i = 0; i < 2'000; ++i) {
      rows.put(Family::table, "key" + std::to_string(i), "value" + std::to_string(i));
    }
    ASSERT_TRUE((*store)->commit(std::move(rows)));
  }
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
    if (entry.path().extension() == ".sst") file = entry.path();
  }
  ASSERT_FALSE(file.empty());
  std::ifstream in(file, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  int noticed = 0;
  std::mt19937 random(3);
  for (int flip = 0; flip < 60; ++flip) {
    std::string damaged = whole;
    const std::size_t at = random() % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ 1 << random() % 8);
    std::ofstream(file, std::ios::binary) << damaged;
    auto store = open_rocks_store(folder.path);
    if (!store) {
      ++noticed;
      EXPECT_EQ(store.error().code, Code::corrupt) << store.error().message;
      continue;
    }
    for (int i = 0; i < 2'000; ++i) {
      const auto value = (*store)->get(Family::table, "key" + std::to_string(i));
      if (!value) {
        ++noticed;
        EXPECT_EQ(value.error().code, Code::corrupt) << value.error().message;
        break;
      }
      ASSERT_EQ(*value, "value" + std::to_string(i)) << "flip at " << at;
    }
  }
  EXPECT_GT(noticed, 30);
}

}  // namespace
}  // namespace holdfast
