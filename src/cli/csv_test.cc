// SPDX-License-Identifier: Apache-2.0
#include "cli/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <map>

#include "cli/mapped_file.h"

namespace holdfast::cli {
namespace {

using testing::ElementsAre;
using Fields = std::vector<std::string>;

std::vector<Fields> all(std::string_view text, CsvReader::Options options = {}) {
  CsvReader reader(text, options);
  std::vector<Fields> rows;
  while (true) {
    const auto row = reader.next();
    EXPECT_TRUE(row) << row.error().message;
    if (!row || !*row) return rows;
    rows.emplace_back((*row)->begin(), (*row)->end());
  }
}

std::string first_error(std::string_view text) {
  CsvReader reader(text, {});
  while (true) {
    const auto row = reader.next();
    if (!row) return row.error().message;
    if (!*row) return {};
  }
}

TEST(Csv, RowsEndInLineFeedCarriageReturnOrTheEnd) {
  EXPECT_THAT(all("a,b\nc,d\r\ne,f"),
              ElementsAre(Fields{"a", "b"}, Fields{"c", "d"}, Fields{"e", "f"}));
  EXPECT_THAT(all(""), ElementsAre());
  EXPECT_THAT(all("a\n"), ElementsAre(Fields{"a"}));
  EXPECT_THAT(all("a\rb\n"), ElementsAre(Fields{"a\rb"})) << "a CR alone is text";
}

TEST(Csv, FieldsMayBeEmpty) {
  EXPECT_THAT(all(",a,,b,\n"), ElementsAre(Fields{"", "a", "", "b", ""}));
  EXPECT_THAT(all("\"\",\"\"\n"), ElementsAre(Fields{"", ""}));
}

TEST(Csv, EmptyLinesAndAByteOrderMarkAreSkipped) {
  EXPECT_THAT(all("\xEF\xBB\xBF"
                  "a,b\n\n\r\nc,d\n\n"),
              ElementsAre(Fields{"a", "b"}, Fields{"c", "d"}));
}

TEST(Csv, QuotedFieldsHoldDelimitersQuotesAndLineEnds) {
  EXPECT_THAT(all("1,\"a, b\",\"say \"\"hi\"\"\"\n\"two\r\nlines\",x\n"),
              ElementsAre(Fields{"1", "a, b", "say \"hi\""}, Fields{"two\r\nlines", "x"}));
  EXPECT_THAT(all("\"\"\"a\"\"\",\"\"\"b\"\"\",\"c\"\"\""),
              ElementsAre(Fields{"\"a\"", "\"b\"", "c\""}));
  EXPECT_THAT(all("a\"b,c\n"), ElementsAre(Fields{"a\"b", "c"})) << "a quote inside is text";
}

TEST(Csv, WithoutAQuoteEveryCharacterStandsForItself) {
  EXPECT_THAT(all("\"a\tb\"\n", {.delimiter = '\t', .quote = {}}),
              ElementsAre(Fields{"\"a", "b\""}));
}

TEST(Csv, ErrorsNameTheLine) {
  EXPECT_EQ(first_error("a\n\"b\nc"), "line 2: a quoted field has no end");
  EXPECT_EQ(first_error("\"a\nb\"\n\"c\"d\n"), "line 3: text behind a quoted field");
}

TEST(Csv, CanBeReadAgain) {
  CsvReader reader("a\nb\n", {});
  ASSERT_TRUE(*reader.next());
  ASSERT_TRUE(*reader.next());
  EXPECT_EQ(reader.offset(), 4U);
  EXPECT_FALSE(*reader.next());
  reader.rewind();
  EXPECT_EQ(reader.offset(), 0U);
  EXPECT_EQ((**reader.next())[0], "a");
  EXPECT_EQ(reader.line(), 1U);
}

RC_GTEST_PROP(Csv, ReadsWhatRfc4180Writes, (const std::vector<std::vector<std::string>>& given)) {
  std::string text;
  std::vector<Fields> rows;
  for (const auto& row : given) {
    if (row.empty()) continue;
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += i == 0 ? "\"" : ",\"";
      for (const char c : row[i]) text += c == '"' ? std::string("\"\"") : std::string(1, c);
      text += '"';
    }
    text += "\r\n";
    rows.push_back(row);
  }
  RC_ASSERT(all(text) == rows);
}

RC_GTEST_PROP(Csv, AnyBytesEnd, (const std::string& text)) {
  CsvReader reader(text, {});
  for (std::size_t i = 0; i <= text.size() + 2; ++i) {
    const auto row = reader.next();
    if (row && !*row) return;
  }
  RC_FAIL("it goes on for ever");
}

TEST(Csv, ReadsTheMovieTitles) {
  const std::string path = HOLDFAST_DATA "/movielens/movies.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no real data at " << path;
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  std::map<std::string, std::string> titles;
  for (const Fields& row : all(file->bytes())) {
    ASSERT_EQ(row.size(), 3U);
    titles[row[0]] = row[1];
  }
  EXPECT_EQ(titles.size(), 9126U);  // with the line that names the columns
  EXPECT_EQ(titles["11"], "American President, The (1995)");
  EXPECT_EQ(titles["29"], "City of Lost Children, The (Cité des enfants perdus, La) (1995)");
}

}  // namespace
}  // namespace holdfast::cli
