// SPDX-License-Identifier: Apache-2.0
#include "node/diverged.h"

#include <fmt/format.h>

#include "base/logging.h"
#include "log/small_file.h"

namespace holdfast::node {
namespace {

std::string mark_of(const std::string& data) {
  return data + "/DIVERGED";
}

}  // namespace

void mark_diverged(FileSystem& files, const std::string& data, std::string_view why) {
  if (Status s = replace_small_file(files, mark_of(data), why); !s)
    logging::error("{} could not be written: {}", mark_of(data), s.error().message);
}

Status refuse_diverged(FileSystem& files, const std::string& data) {
  const auto why = read_small_file(files, mark_of(data));
  // One that cannot be read was meant to say the same.
  if (why && why->empty()) return {};
  return fail(Code::err,
              fmt::format("{} is there: {}. Keep the folder for who looks into it, and start with "
                          "an empty one: the node loads a peer's checkpoint",
                          mark_of(data), why ? *why : why.error().message));
}

}  // namespace holdfast::node
