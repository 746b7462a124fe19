// SPDX-License-Identifier: Apache-2.0
#include "node/origin_identity.h"

#include <gtest/gtest.h>

#include "log/fault_file_system.h"
#include "log/small_file.h"

#include <filesystem>
#include <fstream>

namespace holdfast::node {
namespace {

class OriginIdentity : public testing::Test {
 protected:
  OriginIdentity() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-id-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~OriginIdentity() override { std::filesystem::remove_all(folder_); }
  Result<Incarnation> settle_all(bool closed_cleanly, const std::string& boot,
                                 const std::string& node = "1") {
    return settle_origin(posix_file_system(), folder_ + "/identity", node,
                         {.closed_cleanly = closed_cleanly, .tail_was_cut = tail_was_cut_}, boot,
                         ++random_);
  }
  Result<eventual::OriginId> settle(bool closed_cleanly, const std::string& boot,
                                    const std::string& node = "1") {
    return settle_all(closed_cleanly, boot, node).map([](const Incarnation& found) {
      return found.origin;
    });
  }
  std::string folder_;
  std::uint64_t random_ = 0;
  bool tail_was_cut_ = false;
};

TEST_F(OriginIdentity, IsANewOneWhenTheLogsTailWasCutWhateverElseIsTrue) {
  const auto first = settle(false, "boot-1");
  tail_was_cut_ = true;
  EXPECT_NE(settle(true, "boot-1").value(), *first);
}

TEST_F(OriginIdentity, GoesOnAfterACrashOfTheProcessAlone) {
  const auto first = settle(false, "boot-1");
  ASSERT_TRUE(first);
  EXPECT_NE(first->value, 0u);
  EXPECT_EQ(settle(false, "boot-1").value(), *first);
}

TEST_F(OriginIdentity, GoesOnAfterARestartOfTheMachineThatFoundTheLogClosed) {
  const auto first = settle(false, "boot-1");
  EXPECT_EQ(settle(true, "boot-2").value(), *first);
  EXPECT_EQ(settle(false, "boot-2").value(), *first) << "and the new boot is remembered";
}

TEST_F(OriginIdentity, IsANewOneWhenThePowerWentWithTheLogOpen) {
  const auto first = settle(false, "boot-1");
  const auto second = settle(false, "boot-2");
  EXPECT_NE(*second, *first);
  EXPECT_EQ(settle(false, "boot-2").value(), *second);
}

TEST_F(OriginIdentity, KnowsAllThatItWasBefore) {
  const auto first = settle(false, "boot-1");
  const auto second = settle(false, "boot-2");
  const auto third = settle_all(false, "boot-3");
  EXPECT_EQ(third->former, (std::vector{*first, *second}));
  EXPECT_EQ(settle_all(false, "boot-3")->former, third->former);
}

TEST_F(OriginIdentity, TrustsNothingWhereTheKernelHasNoIdentity) {
  const auto first = settle(false, "");
  EXPECT_NE(settle(false, "").value(), *first);
}

TEST_F(OriginIdentity, RefusesAnotherNodesData) {
  ASSERT_TRUE(settle(false, "boot-1", "1"));
  const auto other = settle(false, "boot-1", "2");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("node '1'"), std::string::npos) << other.error().message;
}

TEST_F(OriginIdentity, RefusesADamagedFileWhicheverBitIt) {
  ASSERT_TRUE(settle(false, "boot-1"));
  const std::string path = folder_ + "/identity";
  std::ifstream in(path, std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    std::ofstream(path, std::ios::binary) << damaged;
    const auto settled = settle(false, "boot-1");
    ASSERT_FALSE(settled) << at;
    EXPECT_EQ(settled.error().code, Code::corrupt);
  }
}

TEST_F(OriginIdentity, RefusesAFileCutShortAnywhere) {
  // Taken for none, it would be begun anew, and what the origin was before be forgotten.
  ASSERT_TRUE(settle(false, "boot-1"));
  const std::string path = folder_ + "/identity";
  for (auto bytes = std::filesystem::file_size(path); bytes-- > 0;) {
    std::filesystem::resize_file(path, bytes);
    const auto settled = settle(false, "boot-1");
    ASSERT_FALSE(settled) << bytes;
    EXPECT_EQ(settled.error().code, Code::corrupt);
    EXPECT_EQ(begin_origin(posix_file_system(), path).error().code, Code::corrupt);
  }
}

TEST_F(OriginIdentity, RefusesAFileOfAnotherVersion) {
  ASSERT_TRUE(settle(false, "boot-1"));
  const std::string path = folder_ + "/identity";
  auto bytes = read_small_file(posix_file_system(), path);
  ASSERT_TRUE(bytes);
  ++bytes->front();
  ASSERT_TRUE(replace_small_file(posix_file_system(), path, *bytes));
  EXPECT_EQ(settle(false, "boot-1").error().code, Code::corrupt);
  EXPECT_EQ(begin_origin(posix_file_system(), path).error().code, Code::corrupt);
}

// Its log was cut at its damaged end, and the node ended before that was written down.
TEST(InterruptedStart, GoesOnAsANewIncarnation) {
  FaultFileSystem files;
  ASSERT_TRUE(files.make_directory("/data"));
  const LogEnd whole{.closed_cleanly = false, .tail_was_cut = false};
  const auto first = settle_origin(files, "/data/identity", "n1", whole, "boot", 1);
  ASSERT_TRUE(first);
  auto begun = begin_origin(files, "/data/identity");
  ASSERT_TRUE(begun);
  EXPECT_EQ(settle_origin(files, "/data/identity", "n1", whole, "boot", 2, *begun)->origin,
            first->origin)
      << "not interrupted";
  ASSERT_TRUE(begin_origin(files, "/data/identity"));
  begun = begin_origin(files, "/data/identity");
  ASSERT_TRUE(begun);
  EXPECT_NE(settle_origin(files, "/data/identity", "n1", whole, "boot", 3, *begun)->origin,
            first->origin);
}

}  // namespace
}  // namespace holdfast::node
