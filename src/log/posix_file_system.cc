// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "log/file_system.h"

namespace holdfast {
namespace {

tl::unexpected<Error> failed(std::string_view what, const std::string& path, int error) {
  const Code code = error == ENOSPC || error == EDQUOT ? Code::no_space : Code::io;
  return fail(code, fmt::format("{} {}: {}", what, path, std::generic_category().message(error)));
}

/// A descriptor closed with its scope. Closing tells nothing of use: what must
/// be on disk was synced before.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0) {
        if (errno == EINTR) continue;
        return failed(fmt::format("write {} bytes at offset {} of", bytes.size(), offset), path_,
                      errno);
      }
      bytes.remove_prefix(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    std::string out(size, '\0');
    std::size_t filled = 0;
    while (filled < size) {
      const ssize_t n = ::pread(fd_.get(), out.data() + filled, size - filled,
                                static_cast<off_t>(offset + filled));
      if (n < 0) {
        if (errno == EINTR) continue;
        return failed(fmt::format("read {} bytes at offset {} of", size, offset), path_, errno);
      }
      if (n == 0) break;
      filled += static_cast<std::size_t>(n);
    }
    out.resize(filled);
    return out;
  }

  Status sync() override {
    // Not again after EINTR: whether it was the first try that failed is unknown.
    if (::fdatasync(fd_.get()) != 0) return failed("sync", path_, errno);
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat facts = {};
    if (::fstat(fd_.get(), &facts) != 0) return failed("ask the size of", path_, errno);
    return static_cast<std::uint64_t>(facts.st_size);
  }

  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      return failed("set the size of", path_, errno);
    }
    return {};
  }

  Status allocate(std::uint64_t size) override {
    while (::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) != 0) {
      if (errno == EINTR) continue;
      // Without the call the file is only made longer; writing finds out then.
      if (errno == EOPNOTSUPP) return truncate(size);
      return failed("allocate room for", path_, errno);
    }
    return {};
  }

 private:
  Descriptor fd_;
  std::string path_;
};

std::string parent_of(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return "/";
  const std::size_t slash = path.rfind('/', end);
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, bool create) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0640);
    if (fd < 0) return failed("open", path, errno);
    return std::make_unique<PosixFile>(Descriptor(fd), path);
  }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    DIR* const stream = ::opendir(directory.c_str());
    if (stream == nullptr) return failed("list", directory, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
      errno = 0;
    }
    const int error = errno;
    ::closedir(stream);
    if (error != 0) return failed("list", directory, error);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status make_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0750) == 0) return sync_directory(parent_of(path));
    if (errno == EEXIST) {
      struct stat facts = {};
      if (::stat(path.c_str(), &facts) != 0) return failed("look at", path, errno);
      if (!S_ISDIR(facts.st_mode)) return failed("make directory", path, ENOTDIR);
      return {};
    }
    if (errno != ENOENT) return failed("make directory", path, errno);
    if (Status s = make_directory(parent_of(path)); !s) return s;
    if (::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
      return failed("make directory", path, errno);
    }
    return sync_directory(parent_of(path));
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename to", to, errno);
    return {};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return failed("remove", path, errno);
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return failed("open directory", path, errno);
    if (::fsync(fd.get()) != 0) return failed("sync directory", path, errno);
    return {};
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace holdfast
