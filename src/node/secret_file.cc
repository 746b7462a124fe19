// SPDX-License-Identifier: Apache-2.0
#include "node/secret_file.h"

#include <fmt/format.h>

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

}  // namespace holdfast::node
