// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "sim/process.h"

namespace holdfast::sim {

/// A process' log: the witness hears what is appended to it, and the process knows
/// what there is to sync.
class RecordingLog final : public DiskLog {
 public:
  RecordingLog(Process& process, std::unique_ptr<DiskLog> log, bool is_origin_log)
      : process_(process), log_(std::move(log)), is_origin_log_(is_origin_log) {
    process_.logs_.insert(this);
  }
  ~RecordingLog() override { process_.logs_.erase(this); }

  Status replay(Position after,
                const std::function<Status(Position, std::string_view)>& each) override {
    return log_->replay(after, each);
  }
  Result<std::optional<LogEntry>> next(LogCursor& cursor) override { return log_->next(cursor); }
  Result<Position> append_all(std::span<const std::string_view> payloads,
                              Durability durability) override {
    const Position before = log_->last();
    auto position = log_->append_all(payloads, durability);
    if (is_origin_log_) {
      for (const std::string_view payload : payloads.first(log_->last().value - before.value))
        process_.around_.witness.on_origin_entry(process_.host_.name, payload);
    }
    return position;
  }
  Status reserve(std::size_t payload_bytes) override { return log_->reserve(payload_bytes); }
  void claim(std::size_t payload_bytes) override { log_->claim(payload_bytes); }
  bool closed_cleanly() const override { return log_->closed_cleanly(); }
  bool tail_was_cut() const override { return log_->tail_was_cut(); }
  std::uint64_t id() const override { return log_->id(); }
  Position first() const override { return log_->first(); }
  Position last() const override { return log_->last(); }
  Position synced() const override { return log_->synced(); }
  Status health() const override { return log_->health(); }
  bool lost() const override { return log_->lost(); }
  void trim(Position up_to) override { log_->trim(up_to); }
  Status start_after(Position last) override { return log_->start_after(last); }
  std::uint64_t bytes_on_disk() const override { return log_->bytes_on_disk(); }
  std::uint64_t bytes_appended() const override { return log_->bytes_appended(); }
  void sync_now() override { log_->sync_now(); }
  Status close() override { return log_->close(); }

 private:
  Process& process_;
  std::unique_ptr<DiskLog> log_;
  bool is_origin_log_;
};

}  // namespace holdfast::sim
