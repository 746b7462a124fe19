// SPDX-License-Identifier: Apache-2.0
#include "table/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <cstdarg>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "base/logging.h"
#include "base/units.h"

namespace holdfast::table {
namespace {

constexpr std::size_t cache_bytes = 64_MiB;
constexpr int bloom_bits_per_key = 10;

/// RocksDB's warnings become lines of our log. Its own log is a file, which
/// ends the process (an assertion) when the disk is full.
class Logger final : public rocksdb::Logger {
 public:
  Logger() : rocksdb::Logger(rocksdb::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list args) override { log(logging::Level::debug, format, args); }
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list args) override {
    // What it warns of (a failed compaction) it tries again; a commit that
    // fails because of it says so itself.
    if (level < rocksdb::ERROR_LEVEL || level == rocksdb::HEADER_LEVEL) {
      log(logging::Level::debug, format, args);
    } else {
      log(logging::Level::warning, format, args);
    }
  }

 private:
  static void log(logging::Level level, const char* format, va_list args) {
    if (!logging::enabled(level)) return;
    char line[512];
    std::vsnprintf(line, sizeof(line), format, args);
    // Further lines, if any, show rows: not for a log.
    const std::string_view text(line);
    logging::write(level, fmt::format("rocksdb: {}", text.substr(0, text.find('\n'))));
  }
};

/// Each commit makes RocksDB go on after an error; its own way, a look at the
/// free space every five seconds, would have the commits before it fail.
class Listener final : public rocksdb::EventListener {
 public:
  explicit Listener(std::shared_ptr<std::atomic<bool>> stopped) : stopped_(std::move(stopped)) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
    if (error->severity() >= rocksdb::Status::kHardError) *stopped_ = true;
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  std::shared_ptr<std::atomic<bool>> stopped_;
};

}  // namespace

rocksdb::Options rocks_options(std::shared_ptr<std::atomic<bool>> stopped) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(bloom_bits_per_key));
  // In pieces and in the cache: their memory is bounded, however many keys.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_top_level_index_and_filter = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;

  rocksdb::Options options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.info_log = std::make_shared<Logger>();
  options.listeners.push_back(std::make_shared<Listener>(std::move(stopped)));
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.compression = rocksdb::kLZ4Compression;
  // A checkpoint that rewrites everything would else leave a copy in each of
  // the levels that are not full yet.
  options.level_compaction_dynamic_level_bytes = true;
  options.max_background_jobs = 1;  // the state's thread has the other core
  // A file's bytes go to the disk as they are written, not all at its end: the
  // log's syncs would wait behind them.
  options.bytes_per_sync = 1_MiB;
  options.max_open_files = 512;
  options.max_manifest_file_size = 4_MiB;
  options.write_buffer_size = 1_MiB;  // nothing is written through memtables
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.atomic_flush = true;
  return options;
}

}  // namespace holdfast::table
