// SPDX-License-Identifier: Apache-2.0
#include "log/record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fmt/format.h>

#include "base/checksum.h"
#include "log/fault_file_system.h"
#include "log/test_support.h"

namespace holdfast::log_format {
namespace {

constexpr Place place{.log_id = 11, .segment = 2, .offset = 64};

// docs/formats/log.md shows these bytes.
constexpr std::size_t golden_bytes = 288;
constexpr std::string_view golden =
    "48 4f 4c 44 46 4c 4f 47\n"
    "01 00 00 00 40 00 00 00\n"
    "88 77 66 55 44 33 22 11\n"
    "01 00 00 00 00 00 00 00\n"
    "00 04 00 00 00 00 00 00\n"
    "00 00 00 00 00 00 00 00\n"
    "00 00 00 00 00 00 00 00\n"
    "b1 99 c6 b1 43 6c b5 20\n"
    "48 46 52 02 00 00 00 00\n"
    "00 00 00 00 00 00 00 00\n"
    "00 00 00 00 00 00 00 00\n"
    "c2 94 d3 38 05 80 06 2d\n"
    "15 c0 f2 9d d8 6d e9 83\n"
    "48 46 52 01 05 00 00 00\n"
    "01 00 00 00 00 00 00 00\n"
    "00 00 00 00 00 00 00 00\n"
    "a7 9b 9d c4 48 38 09 3e\n"
    "5a 68 72 67 44 b8 26 92\n"
    "66 69 72 73 74 00 00 00\n"
    "48 46 52 02 00 00 00 00\n"
    "01 00 00 00 00 00 00 00\n"
    "01 00 00 00 00 00 00 00\n"
    "03 67 6f 82 cc b0 c5 4d\n"
    "ea 95 20 26 9c 54 6f f7\n"
    "48 46 52 01 0a 00 00 00\n"
    "02 00 00 00 00 00 00 00\n"
    "01 00 00 00 00 00 00 00\n"
    "f9 48 1e f9 a2 e3 e7 e0\n"
    "c6 32 d7 02 82 c1 01 06\n"
    "74 68 65 20 73 65 63 6f\n"
    "6e 64 00 00 00 00 00 00\n"
    "48 46 52 04 00 00 00 00\n"
    "02 00 00 00 00 00 00 00\n"
    "02 00 00 00 00 00 00 00\n"
    "a0 fd fc d1 ec f7 6c f3\n"
    "ab 16 f1 d0 01 5f e7 d4\n";

std::string hex_lines(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out += fmt::format("{:02x}{}", static_cast<unsigned char>(bytes[i]), i % 8 == 7 ? "\n" : " ");
  }
  return out;
}

TEST(LogFormat, IsAsItsPageSays) {
  FaultFileSystem files;
  const DiskLogOptions options{.directory = "/l",
                               .segment_bytes = 1_KiB,
                               .segment_bytes_first = 1_KiB,
                               .own_threads = false,
                               .log_id = 0x1122334455667788};
  auto log = DiskLog::open(files, options);
  ASSERT_TRUE(log);
  ASSERT_TRUE((*log)->append("first", Durability::always));
  (*log)->sync_now();
  ASSERT_TRUE((*log)->append("the second", Durability::everysec));
  ASSERT_TRUE((*log)->close());
  ASSERT_EQ(files.paths(), std::vector<std::string>{"/l/0000000001.log"});
  const std::string file = files.content("/l/0000000001.log");
  ASSERT_EQ(file.size(), 1024u);
  EXPECT_EQ(hex_lines(file.substr(0, golden_bytes)), golden);
  EXPECT_EQ(file.find_first_not_of('\0', golden_bytes), std::string::npos);
}

TEST(LogFormat, AFileOfThisVersionIsReadForEver) {
  std::string bytes;
  for (std::size_t i = 0; i < golden.size(); i += 3) {
    bytes += static_cast<char>(std::stoi(std::string(golden.substr(i, 2)), nullptr, 16));
  }
  ASSERT_EQ(bytes.size(), golden_bytes);
  bytes.resize(1024);
  FaultFileSystem files;
  files.set_content("/l/0000000001.log", bytes);
  const auto log = DiskLog::open(files, {.directory = "/l", .own_threads = false});
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_TRUE((*log)->closed_cleanly());
  const auto entries = log_test::entries_of(**log);
  ASSERT_TRUE(entries);
  EXPECT_EQ(*entries, (std::vector<log_test::Stored>{{1, "first"}, {2, "the second"}}));
}

RC_GTEST_PROP(LogFormat, ARecordIsReadBackAndNoOtherPlaceTakesIt, (const std::string& payload)) {
  const Position position{*rc::gen::inRange<std::uint64_t>(1, 1'000'000)};
  const Position synced{*rc::gen::inRange<std::uint64_t>(0, position.value + 1)};
  std::string bytes;
  put_record(bytes, Kind::entry, position, synced, payload, place);
  RC_ASSERT(bytes.size() == record_bytes(payload.size()));
  RC_ASSERT(bytes.size() % alignment == 0);
  const auto header = parse_header(bytes, place);
  RC_ASSERT(header.has_value());
  RC_ASSERT(header->kind == Kind::entry);
  RC_ASSERT(header->position == position);
  RC_ASSERT(header->synced == synced);
  RC_ASSERT(header->payload_bytes == payload.size());
  RC_ASSERT(payload_intact(*header, std::string_view(bytes).substr(record_header_bytes)));
  for (const Place& other : {Place{12, 2, 64}, Place{11, 3, 64}, Place{11, 2, 72}}) {
    RC_ASSERT(!parse_header(bytes, other).has_value());
  }
}

TEST(LogFormat, EveryFlippedBitOfARecordIsNoticed) {
  std::string bytes;
  put_record(bytes, Kind::entry, {5}, {3}, "some payload", place);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string harmed = bytes;
    harmed[bit / 8] = static_cast<char>(harmed[bit / 8] ^ (1 << (bit % 8)));
    const auto header = parse_header(harmed, place);
    EXPECT_FALSE(header &&
                 payload_intact(*header, std::string_view(harmed).substr(record_header_bytes)))
        << bit;
  }
}

TEST(LogFormat, EveryFlippedBitOfASegmentsHeaderIsNoticed) {
  const SegmentHeader header{.log_id = 3, .number = 4, .bytes = 4096};
  const std::string bytes = encode(header);
  std::uint32_t found = 0;
  EXPECT_EQ(parse_segment_header(bytes, found), header);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string harmed = bytes;
    harmed[bit / 8] = static_cast<char>(harmed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(parse_segment_header(harmed, found)) << bit;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parse_segment_header(bytes.substr(0, size), found));
  }
}

TEST(LogFormat, ALaterVersionIsRefusedByName) {
  FaultFileSystem files;
  std::string bytes = encode(SegmentHeader{.log_id = 3, .number = 1, .bytes = 1024});
  bytes[8] = 9;
  std::string covered = bytes.substr(0, 56);
  const std::uint64_t sum = checksum(covered);
  covered.append(reinterpret_cast<const char*>(&sum), 8);
  covered.resize(1024);
  files.set_content("/l/0000000001.log", covered);
  const auto log = DiskLog::open(files, {.directory = "/l", .own_threads = false});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::corrupt);
  EXPECT_NE(log.error().message.find("later version"), std::string::npos);
}

TEST(LogFormat, ARecordThatClaimsMoreThanItCanKnowIsNone) {
  std::string bytes;
  put_record(bytes, Kind::mark, {5}, {6}, "", place);
  EXPECT_FALSE(parse_header(bytes, place));
  bytes.clear();
  put_record(bytes, Kind::base, {UINT64_MAX}, {0}, "", place);
  EXPECT_FALSE(parse_header(bytes, place));
}

}  // namespace
}  // namespace holdfast::log_format
