// SPDX-License-Identifier: Apache-2.0
#include "log/directory_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace holdfast {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

// What the holder wrote, if that looks like a process id.
std::string holder(int fd) {
  char buffer[32] = {};
  const ssize_t n = ::pread(fd, buffer, sizeof buffer, 0);
  const std::string_view text(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::string_view digits = text.substr(0, text.find('\n'));
  const bool number = !digits.empty() && std::all_of(digits.begin(), digits.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
  return number ? fmt::format(" (process {})", digits) : "";
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::acquire(const std::string& directory) {
  const std::string path = directory + "/LOCK";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return fail(Code::io, fmt::format("open {}: {}", path, reason(errno)));
  std::unique_ptr<DirectoryLock> lock(new DirectoryLock(fd));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return fail(
          Code::unavailable,
          fmt::format("the data folder {} is in use by another process{}", directory, holder(fd)));
    }
    return fail(Code::io, fmt::format("lock {}: {}", path, reason(errno)));
  }
  // For people; the lock holds without it, so a full disk here is no failure.
  const std::string text = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) == 0) {
    [[maybe_unused]] const ssize_t n = ::pwrite(fd, text.data(), text.size(), 0);
  }
  return lock;
}

DirectoryLock::~DirectoryLock() {
  ::close(fd_);
}

}  // namespace holdfast
