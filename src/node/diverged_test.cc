// SPDX-License-Identifier: Apache-2.0
#include "node/diverged.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace holdfast::node {
namespace {

TEST(Diverged, DataThatDifferedAreNotServedAgain) {
  const std::string data =
      std::filesystem::temp_directory_path() / ("holdfast-diverged-" + std::to_string(getpid()));
  std::filesystem::create_directories(data);
  FileSystem& files = posix_file_system();
  EXPECT_TRUE(refuse_diverged(files, data));
  mark_diverged(files, data, "its state at position 7 is another");
  const Status refused = refuse_diverged(files, data);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("position 7"));
  std::filesystem::remove_all(data);
  std::filesystem::create_directories(data);
  EXPECT_TRUE(refuse_diverged(files, data));
  std::filesystem::remove_all(data);
}

}  // namespace
}  // namespace holdfast::node
