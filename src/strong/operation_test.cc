// SPDX-License-Identifier: Apache-2.0
#include "strong/operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "base/limits.h"

namespace holdfast::strong {
namespace {

bool never_unchanged(Table&, Instant, Args, Reply&) {
  return false;
}
void no_write(Context&, Args, Reply&) {}
void no_read(Table&, Instant, Args, Reply&) {}
void no_ids(IdContext&, Args, Reply&) {}
void no_catalog(CatalogContext&, Args, Reply&) {}

constexpr Row rows[] = {
    {.name = "ADD",
     .code = 7,
     .arity = 3,
     .access = Access::write,
     .strong = no_write,
     .group = "test",
     .since = "0.1",
     .summary = "test",
     .on_eventual = "test"},
    {.name = "MANY",
     .code = 300,
     .arity = -2,
     .access = Access::write,
     .strong = no_write,
     .group = "test",
     .since = "0.1",
     .summary = "test",
     .on_eventual = "test"},
    {.name = "SHOW",
     .code = 8,
     .arity = 2,
     .access = Access::read,
     .read = no_read,
     .group = "test",
     .since = "0.1",
     .summary = "test"},
    {.name = "SETTLE",
     .code = 9,
     .arity = 3,
     .access = Access::ids,
     .flags = flag_write_ids,
     .ids = no_ids,
     .group = "test",
     .since = "0.1",
     .summary = "test"},
    {.name = "AWAIT",
     .code = 11,
     .arity = 3,
     .access = Access::write,
     .strong = no_write,
     .unchanged = never_unchanged,
     .waits = {.timeout_at = 2},
     .group = "test",
     .since = "0.1",
     .summary = "test",
     .on_eventual = "test"},
    {.name = "SPACE MAKE",
     .code = 10,
     .arity = 3,
     .access = Access::catalog,
     .flags = flag_write_catalog,
     .catalog = no_catalog,
     .group = "test",
     .since = "0.1",
     .summary = "test"},
    {.name = "SPACE SHOW",
     .arity = 2,
     .access = Access::catalog,
     .catalog = no_catalog,
     .group = "test",
     .since = "0.1",
     .summary = "test"},
};

const CommandTable& commands() {
  static const CommandTable table{std::span<const Row>(rows)};
  return table;
}

const Row* row(std::string_view name) {
  return commands().find(name);
}

constexpr KeyspaceId keyspace{5};
const Instant noon = instant_from_ms(1'700'000'000'000);

// Adds one command given as words.
void add(EntryBuilder& builder, std::vector<std::string_view> words,
         std::string_view request_id = {}, KeyspaceId into = keyspace) {
  const Row* of = words.size() > 1 ? commands().find(words[0], words[1]) : row(words[0]);
  const EntryBuilder::Part part{of, words};
  builder.add(into, {}, request_id, {&part, 1}, false, {});
}

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(digits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

// Reads everything; the error when some of it is malformed.
Status read_all(std::string_view payload) {
  Result<EntryReader> reader = EntryReader::open(payload);
  if (!reader) return tl::unexpected<Error>(reader.error());
  Operation operation;
  for (;;) {
    const Result<bool> more = reader->next(commands(), operation);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) return {};
  }
}

// The only operation of an entry.
Operation only(const std::string& payload) {
  Result<EntryReader> reader = EntryReader::open(payload);
  Operation operation;
  EXPECT_TRUE(*reader->next(commands(), operation));
  Operation none;
  EXPECT_FALSE(*reader->next(commands(), none));
  return operation;
}

// docs/formats/strong-entry.md shows these bytes.
TEST(StrongEntry, StoredFormIsTheDocumentedOne) {
  EntryBuilder builder;
  const std::string_view plain[] = {"add", "k", "-5"};
  const EntryBuilder::Part one[] = {{row("ADD"), plain}};
  builder.add({1}, {}, "r-1", one, false, {});
  const std::string_view many[] = {"many", "k"};
  const std::string_view show[] = {"show", "k"};
  const EntryBuilder::Part two[] = {{row("MANY"), many}, {row("SHOW"), show}};
  const Watched watched[] = {{"k", 300}};
  builder.add({1}, {9}, {}, two, true, watched);
  EXPECT_EQ(hex(builder.take({0x1122334455667788, 3}, instant_from_ms(1000))),
            "01"
            "8877665544332211"
            "0300000000000000"
            "e803000000000000"
            "02000000"
            "01"
            "01"
            "03722d31"
            "00"
            "07"
            "02"
            "016b"
            "022d35"
            "06"
            "01"
            "09"
            "01"
            "016b"
            "ac02"
            "03"
            "ac02"
            "01"
            "016b"
            "08"
            "01"
            "016b");
}

TEST(StrongEntry, CarriesWhatWasAdded) {
  EntryBuilder builder;
  add(builder, {"aDd", "key", "1"}, "id-1");
  EXPECT_EQ(builder.operations(), 1);
  const std::string payload = builder.take({77, 4}, noon);
  const Result<EntryReader> reader = EntryReader::open(payload);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->name().incarnation, 77);
  EXPECT_EQ(reader->name().counter, 4);
  EXPECT_EQ(reader->time(), noon);
  EXPECT_EQ(reader->operations(), 1);
  const Operation operation = only(payload);
  EXPECT_EQ(operation.keyspace, keyspace);
  EXPECT_EQ(operation.caller, ServiceId{0});
  EXPECT_EQ(operation.request_id, "id-1");
  EXPECT_FALSE(operation.transaction);
  ASSERT_EQ(operation.calls.size(), 1);
  EXPECT_EQ(operation.calls[0].row, row("ADD"));
  EXPECT_THAT(operation.calls[0].args, testing::ElementsAre("ADD", "key", "1"));
}

TEST(StrongEntry, BothWordsOfASubcommandComeFromItsRow) {
  EntryBuilder builder;
  add(builder, {"space", "make", "x"}, {}, {0});
  const std::string payload = builder.take({1, 1}, noon);
  EXPECT_THAT(only(payload).calls[0].args, testing::ElementsAre("SPACE", "MAKE", "x"));
}

TEST(StrongEntry, BinaryArgumentsPassUnchanged) {
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte.push_back(static_cast<char>(c));
  const std::string large(100'000, '\xff');
  EntryBuilder builder;
  add(builder, {"MANY", every_byte, "", large});
  const std::string payload = builder.take({1, 1}, noon);
  EXPECT_THAT(only(payload).calls[0].args, testing::ElementsAre("MANY", every_byte, "", large));
}

// Long ones are written in another way than short ones, wherever they stand.
RC_GTEST_PROP(StrongEntry, ArgumentsOfAnyLengthsAndNumberComeBack, ()) {
  std::vector<std::string> args = {"MANY", "k"};
  const auto lengths = *rc::gen::container<std::vector<std::size_t>>(rc::gen::oneOf(
      rc::gen::inRange<std::size_t>(0, 30), rc::gen::inRange<std::size_t>(1'000, 1'050),
      rc::gen::inRange<std::size_t>(4'000, 9'000)));
  for (const std::size_t length : lengths)
    args.emplace_back(length, static_cast<char>('a' + args.size() % 26));
  EntryBuilder builder;
  const std::vector<std::string_view> words(args.begin(), args.end());
  add(builder, words);
  add(builder, words);
  const std::string payload = builder.take({1, 1}, noon);
  auto reader = EntryReader::open(payload);
  RC_ASSERT(reader.has_value());
  Operation operation;
  for (int i = 0; i < 2; ++i) {
    RC_ASSERT(reader->next(commands(), operation).value());
    RC_ASSERT(std::ranges::equal(operation.calls[0].args, args));
  }
  RC_ASSERT(!reader->next(commands(), operation).value());
}

TEST(StrongEntry, AnEmptyTransactionIsAnOperation) {
  EntryBuilder builder;
  builder.add(keyspace, {}, "id", {}, true, {});
  const std::string payload = builder.take({1, 1}, noon);
  const Operation operation = only(payload);
  EXPECT_TRUE(operation.transaction);
  EXPECT_TRUE(operation.calls.empty());
}

std::uint64_t fingerprint_of(std::vector<std::string_view> words, bool transaction = false,
                             ServiceId caller = {}, std::string_view request_id = "id") {
  EntryBuilder builder;
  const EntryBuilder::Part part{row(words[0]), words};
  builder.add(keyspace, caller, request_id, {&part, 1}, transaction, {});
  const std::string payload = builder.take({1, 1}, noon);
  return only(payload).fingerprint;
}

TEST(StrongEntry, TheFingerprintIsOfTheCommandsAlone) {
  const std::uint64_t once = fingerprint_of({"ADD", "k", "1"});
  EXPECT_EQ(fingerprint_of({"add", "k", "1"}), once);
  EXPECT_EQ(fingerprint_of({"ADD", "k", "1"}, false, {3}, "another"), once);
  EXPECT_NE(fingerprint_of({"ADD", "k", "2"}), once);
  EXPECT_NE(fingerprint_of({"ADD", "k1", ""}), once);
  EXPECT_NE(fingerprint_of({"MANY", "k", "1"}), once);
  EXPECT_NE(fingerprint_of({"ADD", "k", "1"}, true), once);
}

// What a log holds of commands that wait: 8 for each attempt in the flags, nothing else.
TEST(StrongEntry, AttemptsDifferInTheirFlagsAlone) {
  const std::string_view words[] = {"await", "k", "0"};
  const EntryBuilder::Part part{row("AWAIT"), words};
  std::set<std::uint64_t> fingerprints;
  for (const int number : {0, 1, 2, 3, 4}) {
    EntryBuilder builder;
    builder.add({1}, {}, "id", {&part, 1}, false, {}, static_cast<Attempt>(number));
    std::string payload = builder.take({1, 1}, noon);
    const std::size_t flags = 29;
    EXPECT_EQ(payload[flags], 1 + 8 * number);
    const Operation operation = only(payload);
    EXPECT_EQ(static_cast<int>(operation.attempt), number);
    fingerprints.insert(operation.fingerprint);
    payload[flags] = 1 + 8 * 5;
    EXPECT_EQ(read_all(payload).error().code, Code::corrupt);
  }
  EXPECT_EQ(fingerprints.size(), 1u);
  EntryBuilder builder;
  add(builder, {"ADD", "k", "1"}, "id");
  std::string payload = builder.take({1, 1}, noon);
  payload[29] = 1 + 8;
  EXPECT_EQ(read_all(payload).error().code, Code::corrupt) << "it does not wait";
}

TEST(StrongEntry, OnlyWhatChangesStateMayBeLogged) {
  EXPECT_TRUE(loggable(*row("ADD"), {1}, false));
  EXPECT_TRUE(loggable(*row("ADD"), {1}, true));
  EXPECT_TRUE(loggable(*row("SHOW"), {1}, true));
  EXPECT_TRUE(loggable(*row("SETTLE"), {1}, false));
  EXPECT_FALSE(loggable(*row("SETTLE"), {1}, true));
  EXPECT_TRUE(loggable(*row("SPACE MAKE"), {0}, false));
  EXPECT_FALSE(loggable(*row("SPACE MAKE"), {0}, true));
  EXPECT_FALSE(loggable(*row("SPACE MAKE"), {1}, false));
  EXPECT_FALSE(loggable(*row("ADD"), {0}, false));
  EXPECT_FALSE(loggable(*row("SPACE SHOW"), {0}, false));
}

TEST(StrongEntry, TheFirstOperationsCanBeTakenOutAgain) {
  EntryBuilder builder;
  std::vector<std::size_t> ends;
  for (const char* key : {"a", "bb", "ccc", "dddd"}) {
    add(builder, {"MANY", key});
    ends.push_back(builder.position());
  }
  builder.drop_front(1, ends[0]);
  builder.drop_front(2, ends[2]);
  EXPECT_EQ(builder.operations(), 1);
  builder.drop_front(1, ends[3]);
  EXPECT_EQ(builder.operations(), 0);
  add(builder, {"MANY", "e"});
  ends.push_back(builder.position());
  add(builder, {"MANY", "f"});
  builder.drop_front(1, ends[4]);
  const std::string payload = builder.take({1, 1}, noon);
  EXPECT_THAT(only(payload).calls[0].args, testing::ElementsAre("MANY", "f"));
  EXPECT_EQ(builder.bytes(), 0);
}

TEST(StrongEntry, ABuilderBoundsWhatAnOperationAdds) {
  EntryBuilder builder;
  const std::string long_text(70'000, 'x');
  for (const std::string_view key : {std::string_view("k"), std::string_view(long_text)}) {
    const std::string_view words[] = {"MANY", key, key};
    const EntryBuilder::Part parts[] = {{row("MANY"), words}};
    const Watched watched[] = {{key, ~std::uint64_t{0}}};
    const std::size_t before = builder.bytes();
    builder.add({~0U}, {~0U}, std::string(limits::request_id_bytes_max, 'i'), parts, true, watched);
    const std::size_t bound =
        EntryBuilder::bytes_bound(std::string(limits::request_id_bytes_max, 'i'), parts, watched);
    EXPECT_LE(builder.bytes() - before, bound + 29);  // and the entry's header
  }
}

TEST(StrongEntry, CutOrLengthenedAnywhereItIsCorrupt) {
  EntryBuilder builder;
  add(builder, {"ADD", "k", "1"}, "id-1");
  const std::string_view words[] = {"MANY", "k", "v"};
  const EntryBuilder::Part parts[] = {{row("MANY"), words}};
  const Watched watched[] = {{"k", 1}};
  builder.add(keyspace, {3}, {}, parts, true, watched);
  const std::string whole = builder.take({1, 1}, noon);
  ASSERT_TRUE(read_all(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Status status = read_all(std::string_view(whole).substr(0, size));
    ASSERT_FALSE(status) << size;
    EXPECT_EQ(status.error().code, Code::corrupt);
  }
  EXPECT_FALSE(read_all(whole + std::string(1, '\0')));
}

// The header of an entry with `count` operations, and its body.
std::string entry(std::string_view body, std::uint32_t count = 1, std::uint8_t version = 1,
                  std::uint64_t counter = 1, std::int64_t ms = 0) {
  std::string out;
  wire::put_u8(out, version);
  wire::put_u64(out, 1);
  wire::put_u64(out, counter);
  wire::put_u64(out, static_cast<std::uint64_t>(ms));
  wire::put_u32(out, count);
  return out.append(body);
}

TEST(StrongEntry, WhatNoBuilderWritesIsCorrupt) {
  using namespace std::string_literals;
  const std::string add_k_1 = "\x00\x05\x00\x07\x02\x01k\x01\x31"s;
  ASSERT_TRUE(read_all(entry(add_k_1)));
  EXPECT_FALSE(read_all(entry(add_k_1, 1, 2)));     // another version
  EXPECT_FALSE(read_all(entry(add_k_1, 1, 1, 0)));  // no counter
  EXPECT_FALSE(read_all(entry(add_k_1, 1, 1, 1, -1)));
  EXPECT_FALSE(read_all(entry(add_k_1, 2)));  // one operation too few
  EXPECT_FALSE(read_all(entry("", 0)));       // none at all
  EXPECT_FALSE(read_all(entry(add_k_1, limits::entry_operations_max + 1)));
  EXPECT_FALSE(read_all(entry("\x40\x05\x00\x07\x02\x01k\x01\x31"s)));      // unknown flag
  EXPECT_FALSE(read_all(entry("\x00\x05\x00\x63\x02\x01k\x01\x31"s)));      // unknown command
  EXPECT_FALSE(read_all(entry("\x00\x05\x00\x07\x01\x01k"s)));              // wrong arity
  EXPECT_FALSE(read_all(entry("\x00\x00\x00\x07\x02\x01k\x01\x31"s)));      // no keyspace
  EXPECT_FALSE(read_all(entry("\x00\x05\x02\x09\x02\x01i\x01s"s)));         // VOID in MULTI
  EXPECT_FALSE(read_all(entry("\x00\x00\x01"s)));                           // MULTI in the catalog
  EXPECT_FALSE(read_all(entry("\x00\x05\x00\x0a\x01\x01x"s)));              // catalog in a keyspace
  EXPECT_FALSE(read_all(entry("\x01\x05\x00\x00\x07\x02\x01k\x01\x31"s)));  // empty request id
  EXPECT_FALSE(
      read_all(entry("\x04\x05\x01\x01k\x01\x00\x07\x02\x01k\x01\x31"s)));  // watched, plain
}

TEST(StrongEntry, AnnouncedCountsReserveNoMemory) {
  using namespace std::string_literals;
  const std::string huge = "\xff\xff\xff\x7f"s;
  EXPECT_FALSE(read_all(entry("\x00\x05"s + "\x80\x80\x04"s + "\x07"s)));  // 65,535 calls
  EXPECT_FALSE(read_all(entry("\x00\x05\x00\xac\x02"s + huge)));           // arguments
  EXPECT_FALSE(read_all(entry("\x04\x05"s + huge)));                       // watched keys
  EXPECT_FALSE(read_all(entry("\x00\x05\x00\x07\x02"s + huge)));           // a text's size
}

RC_GTEST_PROP(StrongEntry, AnyChangedByteIsReadOrRefusedNeverWorse, ()) {
  EntryBuilder builder;
  add(builder, {"ADD", "key", "1"}, "id-1");
  add(builder, {"MANY", "k", "v", "w"});
  std::string bytes = builder.take({1, 1}, noon);
  const auto changes = *rc::gen::inRange(1, 5);
  for (int i = 0; i < changes; ++i)
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
  const Status status = read_all(bytes);
  RC_ASSERT(status || status.error().code == Code::corrupt);
}

}  // namespace
}  // namespace holdfast::strong
