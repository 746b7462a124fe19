// SPDX-License-Identifier: Apache-2.0
// What a log keeps over power cuts, crashes and failing disks, against a model
// that only knows what was appended. Each seed is one story, replayed exactly.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "log/fault_file_system.h"
#include "log/test_support.h"

namespace holdfast {
namespace {

using log_test::entries_of;
using log_test::payload_of;
using log_test::Stored;

constexpr std::string_view folder = "/data/log";

/// One log's life under a seed.
class Story {
 public:
  explicit Story(std::uint64_t seed) : random_(seed), files_(seed * 7919 + 1) {
    options_.directory = folder;
    options_.segment_bytes_first = 1024u << below(3);
    options_.segment_bytes = options_.segment_bytes_first << below(3);
    options_.own_threads = false;
    options_.log_id = seed + 1;
  }

  void run(int lives) {
    for (int life = 0; life < lives && !testing::Test::HasFatalFailure(); ++life) {
      open();
      if (testing::Test::HasFatalFailure()) return;
      live();
      end();
    }
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  void open() {
    // Now and then the power goes during the start itself, again and again.
    while (below(4) == 0) {
      files_.lose_power_after(below(30));
      {
        const auto log = DiskLog::open(files_, options_);
        if (log) must_survive_ = std::max(must_survive_, (*log)->synced().value);
      }
      files_.power_cut();
      power_cut_ = true;
    }
    auto log = DiskLog::open(files_, options_);
    ASSERT_TRUE(log) << log.error().message;
    log_ = std::move(*log);
    check_recovered();
  }

  void check_recovered() {
    const std::uint64_t last = log_->last().value;
    const std::uint64_t first = log_->first().value;
    ASSERT_LE(last, model_last());
    ASSERT_GE(last, must_survive_) << "something durable was lost";
    const bool complete = (!power_cut_ && !disk_failed_) || log_->closed_cleanly();
    ASSERT_TRUE(!complete || last == model_last());
    ASSERT_LE(first, trimmed_ + 1);
    ASSERT_FALSE(log_->closed_cleanly() && log_->tail_was_cut());
    const auto found = entries_of(*log_, {first - 1});
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_EQ(found->size(), last + 1 - first);
    for (const Stored& entry : *found) {
      if (entry.position <= base_) continue;
      ASSERT_EQ(entry.payload, model_[entry.position - base_ - 1]) << entry.position;
    }
    model_.resize(last - base_);
    must_survive_ = last;  // what a log shows after opening is durable
    ASSERT_EQ(log_->synced().value, last);
    power_cut_ = false;
    disk_failed_ = false;
    // A checkpoint that is ahead of the log, as after a lost everysec tail.
    if (below(20) == 0) {
      const std::uint64_t ahead = last + below(5);
      ASSERT_TRUE(log_->start_after({ahead}));
      base_ = trimmed_ = must_survive_ = ahead;
      model_.clear();
    }
  }

  void live() {
    if (below(8) == 0) files_.fail_sync_after(below(10));
    if (below(12) == 0) files_.fail_write_after(below(30));
    const std::uint64_t steps = below(60);
    for (std::uint64_t i = 0; i < steps; ++i) {
      switch (below(10)) {
        case 0:
          log_->sync_now();
          break;
        case 1:
          trimmed_ = std::max(trimmed_, base_ + below(model_.size() + 1));
          log_->trim({trimmed_});
          break;
        default:
          append();
          break;
      }
      must_survive_ = std::max(must_survive_, log_->synced().value);
    }
  }

  void append() {
    std::vector<std::string> payloads;
    const std::uint64_t count = below(3) == 0 ? 1 + below(6) : 1;
    for (std::uint64_t i = 0; i < count; ++i)
      payloads.push_back(payload_of(++appended_, below(20) == 0 ? below(9000) : below(300)));
    const auto durability = below(2) == 0 ? Durability::always : Durability::everysec;
    const std::uint64_t before = log_->last().value;
    const auto position = log_->append_all(
        std::vector<std::string_view>(payloads.begin(), payloads.end()), durability);
    const auto written = static_cast<std::ptrdiff_t>(log_->last().value - before);
    model_.insert(model_.end(), payloads.begin(), payloads.begin() + written);
    if (position) {
      ASSERT_EQ(written, std::ssize(payloads));
      ASSERT_EQ(position->value, model_last());
    } else if (position.error().code == Code::unknown) {
      // They may be found.
      model_.insert(model_.end(), payloads.begin() + written, payloads.end());
      disk_failed_ = true;
    } else {
      ASSERT_EQ(position.error().code, Code::unavailable) << position.error().message;
      ASSERT_FALSE(log_->health());
    }
  }

  void end() {
    if (log_->lost()) disk_failed_ = true;
    switch (below(4)) {
      case 0:
        if (log_->close()) {
          ASSERT_EQ(log_->synced().value, log_->last().value);
          must_survive_ = model_last();
        } else {
          disk_failed_ = true;
        }
        break;
      case 1:
        break;  // the process ends
      default:
        files_.power_cut();
        power_cut_ = true;
        break;
    }
    log_.reset();
    files_.heal();
  }

  std::uint64_t model_last() const { return base_ + model_.size(); }

  std::mt19937_64 random_;
  FaultFileSystem files_;
  DiskLogOptions options_;
  std::unique_ptr<DiskLog> log_;
  std::vector<std::string> model_;  // of the entries after base_
  std::uint64_t base_ = 0;
  std::uint64_t trimmed_ = 0;
  std::uint64_t appended_ = 0;
  std::uint64_t must_survive_ = 0;  // synced() said so
  bool power_cut_ = false;
  bool disk_failed_ = false;
};

/// More than the default for a long search: HOLDFAST_SEEDS=FIRST:COUNT.
std::pair<std::uint64_t, std::uint64_t> seeds() {
  std::pair<std::uint64_t, std::uint64_t> range{1, 2'000};
  if (const char* wanted = std::getenv("HOLDFAST_SEEDS")) {
    char* end = nullptr;
    range.first = std::strtoull(wanted, &end, 10);
    if (*end == ':') range.second = std::strtoull(end + 1, nullptr, 10);
  }
  return range;
}

TEST(PowerCut, NothingDurableIsLostAndWhatIsLeftIsAPrefix) {
  const auto [first, count] = seeds();
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Story(seed).run(8);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace holdfast
