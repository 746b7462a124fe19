// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "log/disk_log.h"
#include "log/log.h"

/// What the log's tests share.
namespace holdfast::log_test {

/// A folder on the real disk, gone with its scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-log-XXXXXX").string();
    HF_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Writes down what a log tells it.
struct Recorder final : LogFollower {
  void on_entry(const LogEntry& entry) override {
    positions.push_back(entry.position.value);
    payloads.emplace_back(entry.payload);
    tokens.push_back(entry.token);
  }
  void on_append_failed(std::uint64_t token, const Error& error) override {
    failures.emplace_back(token, error.code);
  }
  std::vector<std::uint64_t> positions;
  std::vector<std::string> payloads;
  std::vector<std::uint64_t> tokens;
  std::vector<std::pair<std::uint64_t, Code>> failures;
};

/// The owner's side of `wake`: waits until something is true.
class Turns {
 public:
  std::function<void()> wake() {
    return [this] {
      const std::lock_guard lock(mutex_);
      ++wakes_;
      changed_.notify_all();
    };
  }
  template <typename Done>
  void until(Done done) {
    while (true) {
      std::uint64_t seen = 0;
      {
        const std::lock_guard lock(mutex_);
        seen = wakes_;
      }
      if (done()) return;
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return wakes_ != seen; });
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t wakes_ = 0;
};

struct Stored {
  std::uint64_t position;
  std::string payload;
  bool operator==(const Stored&) const = default;
};

/// All that a log just opened holds after `after`.
inline Result<std::vector<Stored>> entries_of(DiskLog& log, Position after = {}) {
  std::vector<Stored> out;
  const Status s = log.replay(after, [&](Position position, std::string_view payload) -> Status {
    out.push_back({position.value, std::string(payload)});
    return {};
  });
  if (!s) return tl::unexpected(s.error());
  return out;
}

/// A payload that can be told from every other: its number, then filling.
inline std::string payload_of(std::uint64_t number, std::size_t bytes) {
  std::string out = "entry " + std::to_string(number) + " ";
  while (out.size() < bytes) out += static_cast<char>('a' + (number + out.size()) % 26);
  out.resize(bytes);
  return out;
}

}  // namespace holdfast::log_test
