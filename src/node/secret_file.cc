// SPDX-License-Identifier: Apache-2.0
#include "node/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace holdfast::node {

Result<std::string> read_secret_file(const std::string& path, const std::string& what,
                                     std::size_t bytes_min) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line))
    return fail(Code::err, fmt::format("the file of {}, {}, cannot be read", what, path));
  if (line.ends_with('\r')) line.pop_back();
  if (line.size() < bytes_min) {
    return fail(Code::err,
                fmt::format("{} in {} is too short: {} bytes at least", what, path, bytes_min));
  }
  return line;
}

Status write_secret_file(const std::string& path, const std::string& text) {
  ::unlink(path.c_str());  // one that is there may be open to others
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const auto failed = [&] {
    return fail(Code::err, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  };
  if (file < 0) return failed();
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  Status status = written ? Status() : failed();
  ::close(file);
  return status;
}

}  // namespace holdfast::node
