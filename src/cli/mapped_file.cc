// SPDX-License-Identifier: Apache-2.0
#include "cli/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast::cli {
namespace {
tl::unexpected<Error> cannot(const char* what, const std::string& path) {
  return fail(Code::io, fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}
}  // namespace

MappedFile::MappedFile(MappedFile&& other) noexcept
    : mapped_(std::exchange(other.mapped_, nullptr)),
      view_(other.view_),
      read_(std::move(other.read_)) {}

MappedFile::~MappedFile() {
  if (mapped_ != nullptr) ::munmap(mapped_, view_.size());
}

Result<MappedFile> MappedFile::read_all(int fd, const std::string& path) {
  MappedFile file;
  char buffer[65'536];
  while (true) {
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n == 0) return file;
    if (n > 0) file.read_.append(buffer, static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) return cannot("read", path);
  }
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  if (path == "-") return read_all(STDIN_FILENO, "standard input");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return cannot("open", path);
  Result<MappedFile> file = map_or_read(fd, path);
  ::close(fd);
  return file;
}

Result<MappedFile> MappedFile::map_or_read(int fd, const std::string& path) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return cannot("read", path);
  if (!S_ISREG(facts.st_mode) || facts.st_size == 0) return read_all(fd, path);
  const auto size = static_cast<std::size_t>(facts.st_size);
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapped == MAP_FAILED) return cannot("map", path);
  MappedFile file;
  file.mapped_ = mapped;
  file.view_ = {static_cast<const char*>(mapped), size};
  return file;
}

}  // namespace holdfast::cli
