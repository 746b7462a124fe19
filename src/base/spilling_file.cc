// SPDX-License-Identifier: Apache-2.0
#include "base/spilling_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string_view>

#include "base/units.h"

namespace holdfast {
namespace {

// What logs and checkpoints need comes before what can be in memory as well.
constexpr std::uint64_t left_on_disk_bytes = 256_MiB;
constexpr std::chrono::seconds pause_when_full{1};

// Known to keep what was reserved for a mapped page's write. A file system that copies on write
// does not, and where it then is full the kernel ends the process; others lie in memory themselves.
bool is_fit(int descriptor) {
  struct statfs of {};
  return fstatfs(descriptor, &of) == 0 &&
         (of.f_type == EXT4_SUPER_MAGIC || of.f_type == XFS_SUPER_MAGIC);
}

std::uint64_t largest_file() {
  rlimit limit{};
  constexpr std::uint64_t enough = 1'024_GiB;
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 ? std::min<std::uint64_t>(limit.rlim_cur, enough)
                                              : enough;
}

}  // namespace

Status SpillingFile::open(const std::string& folder, std::uint64_t in_memory_max) {
  const std::lock_guard lock(mutex_);
  if (is_open()) return {};
  const auto failed = [&](std::string_view what, int why) {
    return fail(Code::io,
                fmt::format("cannot {} a file in {}: {}", what, folder, std::strerror(why)));
  };
  const int made = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (made < 0) return failed("make", errno);
  if (!is_fit(made)) {
    close(made);
    return fail(Code::io, folder + " is neither on ext4 nor on XFS");
  }
  constexpr std::uint64_t worth_it = 1_GiB;
  void* begin = MAP_FAILED;
  int why = EFBIG;
  std::uint64_t size = largest_file();
  for (; size >= worth_it; size /= 2) {
    if (ftruncate(made, static_cast<off_t>(size)) == 0)
      begin = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, made, 0);
    if (begin != MAP_FAILED) break;
    why = errno;
  }
  if (begin == MAP_FAILED) {
    close(made);
    return failed("map", why);
  }
  // Read ahead, pages would be made for blocks that are not reserved, and then written with those
  // that are.
  static_cast<void>(madvise(begin, size, MADV_RANDOM));
  static_cast<void>(madvise(begin, size, MADV_DONTDUMP));
  descriptor_ = made;
  in_memory_max_ = in_memory_max;
  free_.emplace(0, size);
  size_ = size;
  begin_.store(static_cast<char*>(begin), std::memory_order_release);
  return {};
}

// The first that fits, so that the file stays short.
std::optional<std::uint64_t> SpillingFile::find(std::size_t bytes, std::size_t alignment) {
  const auto base = reinterpret_cast<std::uintptr_t>(begin_.load(std::memory_order_relaxed));
  for (const auto& [at, size] : free_) {
    const std::uint64_t offset = at;  // it is erased
    const std::uint64_t from = (base + offset + alignment - 1) / alignment * alignment - base;
    if (from + bytes > offset + size) continue;
    const std::uint64_t behind = offset + size - (from + bytes);
    free_.erase(offset);
    if (from > offset) free_.emplace(offset, from - offset);
    if (behind > 0) free_.emplace(from + bytes, behind);
    return from;
  }
  return std::nullopt;
}

void SpillingFile::keep(std::uint64_t offset, std::uint64_t bytes) {
  const auto next = free_.lower_bound(offset);
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      offset = before->first;
      bytes += before->second;
      free_.erase(before);
    }
  }
  if (next != free_.end() && offset + bytes == next->first) {
    bytes += next->second;
    free_.erase(next);
  }
  free_.emplace(offset, bytes);
}

bool SpillingFile::has_room(std::size_t bytes) const {
  struct statvfs disk {};
  return fstatvfs(descriptor_, &disk) == 0 &&
         static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize >= bytes + left_on_disk_bytes;
}

bool SpillingFile::punch(std::uint64_t offset, std::size_t bytes) const {
  return fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                   static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0;
}

void* SpillingFile::take(std::size_t bytes, std::size_t alignment) {
  const std::lock_guard lock(mutex_);
  if (Clock::now() < refused_until_) return nullptr;
  const auto offset = find(bytes, alignment);
  if (!offset) return nullptr;
  int outcome = -1;
  if (has_room(bytes)) {
    do {
      outcome = fallocate(descriptor_, 0, static_cast<off_t>(*offset), static_cast<off_t>(bytes));
    } while (outcome != 0 && errno == EINTR);
  }
  if (outcome != 0) {
    punch(*offset, bytes);  // a part of it may have been reserved
    keep(*offset, bytes);
    refused_until_ = Clock::now() + pause_when_full;
    return nullptr;
  }
  taken_ += bytes;
  return begin_.load(std::memory_order_relaxed) + *offset;
}

bool SpillingFile::give_back(void* at, std::size_t bytes) {
  const auto offset =
      static_cast<std::uint64_t>(static_cast<char*>(at) - begin_.load(std::memory_order_relaxed));
  if (!punch(offset, bytes)) return false;
  const std::lock_guard lock(mutex_);
  keep(offset, bytes);
  taken_ -= bytes;
  return true;
}

}  // namespace holdfast
