// SPDX-License-Identifier: Apache-2.0
#include "node/diverged.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/logging.h"

namespace holdfast::node {
namespace {

std::string mark_of(const std::string& data) {
  return data + "/DIVERGED";
}

}  // namespace

void mark_diverged(const std::string& data, std::string_view why) {
  std::ofstream file(mark_of(data));
  file << why << '\n';
  file.flush();
  if (!file) logging::error("{} could not be written", mark_of(data));
}

Status refuse_diverged(const std::string& data) {
  if (!std::filesystem::exists(mark_of(data))) return {};
  std::string why;
  std::ifstream file(mark_of(data));
  std::getline(file, why);
  return fail(Code::err,
              fmt::format("{} is there: {}. Keep the folder for who looks into it, and start with "
                          "an empty one: the node loads a peer's checkpoint",
                          mark_of(data), why));
}

}  // namespace holdfast::node
