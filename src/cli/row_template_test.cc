// SPDX-License-Identifier: Apache-2.0
#include "cli/row_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cli/decimal.h"

namespace holdfast::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::string> columns{"user", "movie", "amount", "odd*2"};
const std::vector<std::string_view> fields{"7", "31", "12.50", "x"};
const Row row{fields, 99};

std::string expand(std::string_view text) {
  const auto parsed = RowTemplate::parse(text, columns);
  if (!parsed) return "refused: " + parsed.error().message;
  std::string out;
  const Status expanded = parsed->expand(row, out);
  return expanded ? out : "no text: " + expanded.error().message;
}

std::string requests(const std::vector<std::string>& commands,
                     const std::optional<std::string>& id) {
  const auto parsed = OperationTemplate::parse(commands, id, columns);
  if (!parsed) return "refused: " + parsed.error().message;
  std::string out;
  const Status made = parsed->append(row, out);
  return made ? out : "no request: " + made.error().message;
}

TEST(RowTemplate, FillsFieldsScaledFieldsAndTheRowNumber) {
  EXPECT_EQ(expand("likes:{movie}"), "likes:31");
  EXPECT_EQ(expand("{user}:{movie}"), "7:31");
  EXPECT_EQ(expand("{amount*100}"), "1250");
  EXPECT_EQ(expand("{amount*-100}"), "-1250");
  EXPECT_EQ(expand("r{#row}"), "r99");
  EXPECT_EQ(expand("{{tag}}:{{{user}}}"), "{tag}:{7}");
  EXPECT_EQ(expand("{odd*2}"), "x") << "a whole name comes before arithmetic";
  EXPECT_EQ(expand(""), "");
}

TEST(RowTemplate, SaysWhatIsWrongWithIt) {
  EXPECT_THAT(expand("{movies}"), HasSubstr("no such column; there are user, movie, amount"));
  EXPECT_THAT(expand("a{movie"), HasSubstr("without its }"));
  EXPECT_THAT(expand("a}b"), HasSubstr("without its {"));
  EXPECT_THAT(expand("{amount*x}"), HasSubstr("whole number"));
  EXPECT_THAT(expand("{amount*}"), HasSubstr("whole number"));
  EXPECT_THAT(expand("{amount*3}"), HasSubstr("no text: \"12.50\" times 3 is no whole number"));
}

TEST(Operation, IsACommandWithOrWithoutAnId) {
  EXPECT_EQ(requests({"INCRBY likes:{movie} 1"}, {}),
            "*3\r\n$6\r\nINCRBY\r\n$8\r\nlikes:31\r\n$1\r\n1\r\n");
  EXPECT_EQ(requests({"GET a"}, "{user}:{movie}"),
            "*4\r\n$4\r\nONCE\r\n$4\r\n7:31\r\n$3\r\nGET\r\n$1\r\na\r\n");
}

TEST(Operation, OfSeveralCommandsIsOneTransaction) {
  EXPECT_EQ(requests({"GET a", "GET b"}, "{user}"),
            "*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"
            "*3\r\n$4\r\nONCE\r\n$1\r\n7\r\n$4\r\nEXEC\r\n");
  EXPECT_EQ(
      OperationTemplate::parse(std::vector<std::string>{"GET a", "GET b"}, {}, columns)->replies(),
      4U);
  EXPECT_EQ(OperationTemplate::parse(std::vector<std::string>{"GET a"}, {}, columns)->replies(),
            1U);
}

TEST(Operation, AFieldIsOneArgumentWhateverIsInIt) {
  const std::vector<std::string> names{"title"};
  const std::vector<std::string_view> values{"a b\r\n\"'{x}"};
  const auto parsed =
      OperationTemplate::parse(std::vector<std::string>{"SET k {title}"}, {}, names);
  ASSERT_TRUE(parsed);
  std::string out;
  ASSERT_TRUE(parsed->append({values, 1}, out));
  EXPECT_EQ(out, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\na b\r\n\"'{x}\r\n");
}

TEST(Operation, NeedsAnIdThatIsOne) {
  EXPECT_THAT(requests({"GET a"}, "a b"), HasSubstr("\"a b\" is no request id"));
  EXPECT_THAT(requests({}, {}), HasSubstr("no command"));
  EXPECT_THAT(requests({"  "}, {}), HasSubstr("empty"));
}

TEST(Line, IsSplitAsRedisCliDoes) {
  EXPECT_THAT(*split_line(" SET  k 'a b' \"c d\" "), ElementsAre("SET", "k", "a b", "c d"));
  EXPECT_THAT(*split_line(R"('it\'s' 'a\n' "\x41\n\"\q" "")"),
              ElementsAre("it's", "a\\n", "A\n\"q", ""));
  EXPECT_THAT(*split_line("k:'a b':c"), ElementsAre("k:a b:c"));
  EXPECT_FALSE(split_line("SET 'a"));
  EXPECT_FALSE(split_line("SET \"a\\"));
}

TEST(Decimal, IsScaledExactly) {
  EXPECT_EQ(scale_decimal("1234.5", 100), 123450);
  EXPECT_EQ(scale_decimal("-0.07", 100), -7);
  EXPECT_EQ(scale_decimal("+3", 100), 300);
  EXPECT_EQ(scale_decimal(".5", 2), 1);
  EXPECT_EQ(scale_decimal("5.", 2), 10);
  EXPECT_EQ(scale_decimal("1.10", 10), 11);
  EXPECT_EQ(scale_decimal("0.000", 7), 0);
  EXPECT_EQ(scale_decimal("123.456", 0), 0);
  EXPECT_EQ(scale_decimal("92233720368547758.07", 100), INT64_MAX);
  EXPECT_EQ(scale_decimal("-92233720368547758.08", 100), INT64_MIN);
}

TEST(Decimal, RefusesWhatIsNoWholeNumberOf64Bits) {
  for (const char* text : {"", ".", "-", "1e3", " 1", "1,5", "0x1", "--1", "1.2.3", "nan"}) {
    EXPECT_FALSE(scale_decimal(text, 100)) << text;
  }
  EXPECT_FALSE(scale_decimal("0.001", 100));
  EXPECT_FALSE(scale_decimal("92233720368547758.08", 100));
  EXPECT_FALSE(scale_decimal(std::string(60, '9'), 1));
  EXPECT_FALSE(scale_decimal("0." + std::string(60, '0') + "1", 1));
  EXPECT_FALSE(scale_decimal("99999999999999999999999", INT64_MAX));
}

RC_GTEST_PROP(Decimal, AgreesWithWholeArithmetic, (std::int32_t cents)) {
  const std::int64_t magnitude = std::abs(static_cast<std::int64_t>(cents));
  const std::string text = (cents < 0 ? "-" : "") + std::to_string(magnitude / 100) + "." +
                           std::to_string(100 + magnitude % 100).substr(1);
  RC_ASSERT(scale_decimal(text, 100) == cents);
  RC_ASSERT(scale_decimal(text, -300) == std::int64_t{cents} * -3);
}

}  // namespace
}  // namespace holdfast::cli
