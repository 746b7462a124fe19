// SPDX-License-Identifier: Apache-2.0
#include "log/fault_file_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "base/assert.h"

namespace holdfast {
namespace {

constexpr std::size_t sector_bytes = 512;
// How often a write lets some sectors go to disk unasked.
constexpr unsigned writeback_percent = 20;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

tl::unexpected<Error> no_power() {
  return fail(Code::io, "no power");
}

}  // namespace

struct FaultFileSystem::Inode {
  std::string now;   // as the kernel has it
  std::string disk;  // as the disk has it
  // The sectors where the two may differ, each with the number of its last
  // write: a sync that began before that write does not make it clean.
  std::unordered_map<std::uint64_t, std::uint64_t> dirty;
  std::uint64_t writes = 0;

  void put(std::uint64_t sector) {
    const std::size_t from = sector * sector_bytes;
    if (from >= now.size()) return;
    const std::size_t size = std::min(sector_bytes, now.size() - from);
    if (disk.size() < from + size) disk.resize(from + size);
    disk.replace(from, size, now, from, size);
  }
};

struct FaultFileSystem::Change {
  std::string from;  // empty: the file was made
  std::string to;    // empty: it was removed
  std::shared_ptr<Inode> inode;
};

class FaultFileSystem::OpenFile final : public File {
 public:
  OpenFile(FaultFileSystem& files, std::shared_ptr<Inode> inode, std::uint64_t generation)
      : files_(files), inode_(std::move(inode)), generation_(generation) {}

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    const Lock lock(files_.mutex_);
    if (dead()) return no_power();
    return files_.write(*inode_, offset, bytes);
  }

  Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    const Lock lock(files_.mutex_);
    if (dead()) return no_power();
    if (offset >= inode_->now.size()) return std::string();
    return inode_->now.substr(offset, std::min(size, files_.read_bytes_max_));
  }

  Status sync() override { return files_.sync(*inode_, generation_); }

  Result<std::uint64_t> size() override {
    const Lock lock(files_.mutex_);
    if (dead()) return no_power();
    return inode_->now.size();
  }

  Status truncate(std::uint64_t size) override {
    const Lock lock(files_.mutex_);
    if (dead()) return no_power();
    if (size > inode_->now.size()) return files_.grow(*inode_, size);
    if (Status s = files_.spend(); !s) return s;
    inode_->now.resize(size);
    return {};
  }

  Status allocate(std::uint64_t size) override {
    const Lock lock(files_.mutex_);
    if (dead()) return no_power();
    return files_.grow(*inode_, std::max<std::uint64_t>(size, inode_->now.size()));
  }

 private:
  bool dead() const { return generation_ != files_.generation_ || files_.power_left_ == 0; }

  FaultFileSystem& files_;
  std::shared_ptr<Inode> inode_;
  std::uint64_t generation_;
};

FaultFileSystem::FaultFileSystem(std::uint64_t seed) : random_(seed) {}
FaultFileSystem::~FaultFileSystem() = default;

Status FaultFileSystem::spend() {
  if (!power_left_) return {};
  if (*power_left_ == 0) return no_power();
  --*power_left_;
  return {};
}

bool FaultFileSystem::strikes(std::optional<Failure>& failure) {
  if (!failure) return false;
  if (failure->skipped > 0) {
    --failure->skipped;
    return false;
  }
  if (!failure->repeat) failure.reset();
  return true;
}

std::uint64_t FaultFileSystem::used(const Lock&) const {
  std::uint64_t bytes = 0;
  for (const auto& [path, inode] : names_) bytes += inode->now.size();
  return bytes;
}

Status FaultFileSystem::grow(Inode& inode, std::uint64_t size) {
  std::uint64_t others = 0;
  for (const auto& [path, other] : names_) others += other.get() == &inode ? 0 : other->now.size();
  if (others + size > capacity_) return fail(Code::no_space, "no space left on device");
  if (Status s = spend(); !s) return s;
  inode.now.resize(size);
  return {};
}

Status FaultFileSystem::write(Inode& inode, std::uint64_t offset, std::string_view bytes) {
  if (offset + bytes.size() > inode.now.size()) {
    if (Status s = grow(inode, offset + bytes.size()); !s) return s;
  } else if (Status s = spend(); !s) {
    return s;
  }
  ++counters_.writes;
  counters_.written_bytes += bytes.size();
  const bool failed = strikes(write_failure_);
  if (failed) bytes = bytes.substr(0, bytes.empty() ? 0 : random_() % bytes.size());
  if (!bytes.empty()) {
    inode.now.replace(offset, bytes.size(), bytes);
    ++inode.writes;
    for (std::uint64_t sector = offset / sector_bytes;
         sector <= (offset + bytes.size() - 1) / sector_bytes; ++sector) {
      inode.dirty[sector] = inode.writes;
    }
  }
  if (chance(writeback_percent)) {
    std::erase_if(inode.dirty, [&](const auto& dirty) {
      if (!chance(50)) return false;
      inode.put(dirty.first);
      return true;
    });
  }
  if (failed) return fail(Code::io, fmt::format("write at {}: input/output error", offset));
  return {};
}

Status FaultFileSystem::sync(Inode& inode, std::uint64_t generation) {
  Lock lock(mutex_);
  if (generation != generation_ || power_left_ == 0) return no_power();
  if (Status s = spend(); !s) return s;
  ++counters_.syncs;
  const bool failed = strikes(sync_failure_);
  struct Sector {
    std::uint64_t number, write;
    std::string bytes;
  };
  std::vector<Sector> sectors;
  for (const auto& [number, write] : inode.dirty) {
    const std::size_t from = number * sector_bytes;
    if (from < inode.now.size()) {
      sectors.push_back({number, write, inode.now.substr(from, sector_bytes)});
    }
  }
  const std::size_t size = inode.now.size();
  if (syncs_held_) {
    ++syncs_waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !syncs_held_; });
    --syncs_waiting_;
    if (generation != generation_) return no_power();
  }
  if (!failed) inode.disk.resize(size);
  for (const Sector& sector : sectors) {
    if (!failed || chance(50)) {
      const std::size_t from = sector.number * sector_bytes;
      if (inode.disk.size() < from + sector.bytes.size()) {
        inode.disk.resize(from + sector.bytes.size());
      }
      inode.disk.replace(from, sector.bytes.size(), sector.bytes);
    }
    const auto dirty = inode.dirty.find(sector.number);
    if (dirty != inode.dirty.end() && dirty->second == sector.write) inode.dirty.erase(dirty);
  }
  if (failed) return fail(Code::io, "sync: input/output error");
  return {};
}

Result<std::unique_ptr<File>> FaultFileSystem::open(const std::string& path, bool create) {
  const Lock lock(mutex_);
  if (power_left_ == 0) return no_power();
  auto& inode = names_[path];
  if (!inode) {
    if (!create || !directories_.contains(directory_of(path))) {
      names_.erase(path);
      return fail(Code::io, fmt::format("open {}: no such file or directory", path));
    }
    if (Status s = spend(); !s) {
      names_.erase(path);
      return tl::unexpected(s.error());
    }
    inode = std::make_shared<Inode>();
    changes_.push_back({.from = "", .to = path, .inode = inode});
  }
  return std::make_unique<OpenFile>(*this, inode, generation_);
}

Result<std::vector<std::string>> FaultFileSystem::list(const std::string& directory) {
  const Lock lock(mutex_);
  if (power_left_ == 0) return no_power();
  if (!directories_.contains(directory)) {
    return fail(Code::io, fmt::format("list {}: no such file or directory", directory));
  }
  std::vector<std::string> names;
  for (const auto& [path, inode] : names_) {
    if (directory_of(path) == directory) names.push_back(path.substr(directory.size() + 1));
  }
  return names;
}

Status FaultFileSystem::make_directory(const std::string& path) {
  const Lock lock(mutex_);
  if (power_left_ == 0) return no_power();
  for (std::string p = path; !p.empty(); p = directory_of(p)) directories_.insert(p);
  return {};
}

void FaultFileSystem::apply(const Change& change, Names& names) {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.inode;
}

Status FaultFileSystem::rename(const std::string& from, const std::string& to) {
  const Lock lock(mutex_);
  if (Status s = spend(); !s) return s;
  const auto found = names_.find(from);
  if (found == names_.end()) return fail(Code::io, fmt::format("rename {}: no such file", from));
  HF_ASSERT(directory_of(from) == directory_of(to));
  changes_.push_back({.from = from, .to = to, .inode = found->second});
  apply(changes_.back(), names_);
  return {};
}

Status FaultFileSystem::remove(const std::string& path) {
  const Lock lock(mutex_);
  if (Status s = spend(); !s) return s;
  if (!names_.contains(path)) return fail(Code::io, fmt::format("remove {}: no such file", path));
  changes_.push_back({.from = path, .to = "", .inode = nullptr});
  apply(changes_.back(), names_);
  return {};
}

Status FaultFileSystem::sync_directory(const std::string& path) {
  const Lock lock(mutex_);
  if (Status s = spend(); !s) return s;
  std::erase_if(changes_, [&](const Change& change) {
    if (directory_of(change.to.empty() ? change.from : change.to) != path) return false;
    apply(change, disk_names_);
    return true;
  });
  return {};
}

void FaultFileSystem::power_cut() {
  const Lock lock(mutex_);
  ++generation_;
  power_left_.reset();
  syncs_held_ = false;
  changed_.notify_all();
  // A journal keeps the order of a directory's changes, so a first part is there.
  std::map<std::string, bool> stopped;
  for (const Change& change : changes_) {
    bool& stop = stopped[directory_of(change.to.empty() ? change.from : change.to)];
    stop = stop || chance(30);
    if (!stop) apply(change, disk_names_);
  }
  changes_.clear();
  names_ = disk_names_;
  const unsigned kept_percent = std::array<unsigned, 5>{0, 10, 50, 90, 100}[random_() % 5];
  for (const auto& [path, inode] : names_) {
    // A file's length is data of its own: it may have come without what it covers.
    const std::size_t size =
        chance(50) ? inode->disk.size() : std::max(inode->disk.size(), inode->now.size());
    for (const auto& [sector, write] : inode->dirty) {
      if (chance(kept_percent)) inode->put(sector);
    }
    inode->disk.resize(std::max(inode->disk.size(), size));
    inode->now = inode->disk;
    inode->dirty.clear();
  }
}

void FaultFileSystem::lose_power_after(std::uint64_t operations) {
  const Lock lock(mutex_);
  power_left_ = operations;
}

void FaultFileSystem::set_capacity(std::uint64_t bytes) {
  const Lock lock(mutex_);
  capacity_ = bytes;
}

std::uint64_t FaultFileSystem::used_bytes() const {
  const Lock lock(mutex_);
  return used(lock);
}

void FaultFileSystem::fail_write_after(std::uint64_t skipped, bool repeat) {
  const Lock lock(mutex_);
  write_failure_ = Failure{skipped, repeat};
}

void FaultFileSystem::fail_sync_after(std::uint64_t skipped, bool repeat) {
  const Lock lock(mutex_);
  sync_failure_ = Failure{skipped, repeat};
}

void FaultFileSystem::heal() {
  const Lock lock(mutex_);
  write_failure_.reset();
  sync_failure_.reset();
}

void FaultFileSystem::set_read_bytes_max(std::size_t bytes) {
  const Lock lock(mutex_);
  read_bytes_max_ = bytes;
}

void FaultFileSystem::hold_syncs() {
  const Lock lock(mutex_);
  syncs_held_ = true;
}

void FaultFileSystem::release_syncs() {
  const Lock lock(mutex_);
  syncs_held_ = false;
  changed_.notify_all();
}

void FaultFileSystem::await_held_sync() {
  Lock lock(mutex_);
  changed_.wait(lock, [this] { return syncs_waiting_ > 0; });
}

std::vector<std::string> FaultFileSystem::paths() const {
  const Lock lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [path, inode] : names_) out.push_back(path);
  return out;
}

std::string FaultFileSystem::content(const std::string& path) const {
  const Lock lock(mutex_);
  return names_.at(path)->now;
}

void FaultFileSystem::set_content(const std::string& path, std::string bytes) {
  const Lock lock(mutex_);
  directories_.insert(directory_of(path));
  auto& inode = names_[path];
  if (!inode) inode = std::make_shared<Inode>();
  disk_names_[path] = inode;
  inode->dirty.clear();
  inode->disk = bytes;
  inode->now = std::move(bytes);
}

void FaultFileSystem::flip_bit(const std::string& path, std::uint64_t bit) {
  const Lock lock(mutex_);
  Inode& inode = *names_.at(path);
  const std::size_t at = bit / 8;
  const auto mask = static_cast<char>(1 << (bit % 8));
  if (at < inode.now.size()) inode.now[at] = static_cast<char>(inode.now[at] ^ mask);
  if (at < inode.disk.size()) inode.disk[at] = static_cast<char>(inode.disk[at] ^ mask);
}

FaultFileSystem::Counters FaultFileSystem::counters() const {
  const Lock lock(mutex_);
  return counters_;
}

}  // namespace holdfast
