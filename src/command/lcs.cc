// SPDX-License-Identifier: Apache-2.0
#include "command/lcs.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "base/limits.h"
#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/value.h"

namespace holdfast::command {

CommonSubsequence::CommonSubsequence(std::string_view a, std::string_view b)
    : a_(a), b_(b), words_((a.size() + 63) / 64), steps_(words_ * (b.size() + 1)) {
  // Where each byte stands in `a`, and after each byte of `b` where the length grows along `a`
  // (bit clear). H. Hyyrö, "Bit-Parallel LCS-length Computation Revisited", 2004.
  // Only for the bytes that are in `b`, so that a long `a` costs no more than all of the table.
  std::array<std::size_t, 256> row_of{};  // from 1 on; 0: it is not in `b`
  std::size_t rows = 0;
  for (const char c : b) {
    std::size_t& row = row_of[static_cast<unsigned char>(c)];
    if (row == 0) row = ++rows;
  }
  std::vector<std::uint64_t> places(rows * words_);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::size_t row = row_of[static_cast<unsigned char>(a[i])];
    if (row != 0) places[(row - 1) * words_ + i / 64] |= std::uint64_t{1} << i % 64;
  }
  std::fill(steps_.begin(), steps_.begin() + static_cast<std::ptrdiff_t>(words_),
            ~std::uint64_t{0});
  for (std::size_t j = 0; j < b.size(); ++j) {
    const std::uint64_t* const before = steps_.data() + j * words_;
    std::uint64_t* const after = steps_.data() + (j + 1) * words_;
    const std::uint64_t* const match =
        places.data() + (row_of[static_cast<unsigned char>(b[j])] - 1) * words_;
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < words_; ++w) {
      const std::uint64_t both = before[w] & match[w];
      const std::uint64_t sum = before[w] + both;
      const std::uint64_t total = sum + carry;
      carry = (sum < both || total < sum) ? 1 : 0;
      after[w] = total | (before[w] & ~match[w]);
    }
  }
}

bool CommonSubsequence::grows(std::size_t i, std::size_t j) const {
  return (steps_[j * words_ + (i - 1) / 64] >> (i - 1) % 64 & 1) == 0;
}

std::size_t CommonSubsequence::length(std::size_t i, std::size_t j) const {
  const std::uint64_t* const row = steps_.data() + j * words_;
  std::size_t count = 0;
  for (std::size_t w = 0; w < i / 64; ++w)
    count += static_cast<std::size_t>(std::popcount(~row[w]));
  if (i % 64 != 0) {
    const std::uint64_t used = (std::uint64_t{1} << i % 64) - 1;
    count += static_cast<std::size_t>(std::popcount(~row[i / 64] & used));
  }
  return count;
}

std::vector<CommonSubsequence::Run> CommonSubsequence::runs() const {
  std::vector<Run> runs;
  std::size_t i = a_.size(), j = b_.size();
  if (i == 0 || j == 0) return runs;
  bool in_run = false;
  std::size_t here = length(i, j), above = length(i, j - 1);
  while (true) {
    if (a_[i - 1] == b_[j - 1]) {
      here = above - (grows(i, j - 1) ? 1 : 0);
      --i;
      --j;
      if (!in_run) runs.push_back({i, j, 0});
      runs.back() = {i, j, runs.back().bytes + 1};
      in_run = true;
    } else {
      in_run = false;
      // Where both ways keep as much, along `b`, as Redis does.
      const std::size_t left = here - (grows(i, j) ? 1 : 0);
      if (left > above) {
        above -= grows(i, j - 1) ? 1 : 0;
        here = left;
        if (--i == 0) break;
        continue;
      }
      here = above;
      --j;
    }
    if (i == 0 || j == 0) break;
    above = length(i, j - 1);
  }
  return runs;
}

namespace {

struct Options {
  bool indexes = false;
  bool length = false;
  bool with_lengths = false;
  std::size_t bytes_min = 0;
};

std::optional<Options> options_of(Args args, Reply& reply) {
  Options options;
  for (std::size_t i = 3; i < args.size(); ++i) {
    if (equals_nocase(args[i], "IDX")) {
      options.indexes = true;
    } else if (equals_nocase(args[i], "LEN")) {
      options.length = true;
    } else if (equals_nocase(args[i], "WITHMATCHLEN")) {
      options.with_lengths = true;
    } else if (equals_nocase(args[i], "MINMATCHLEN") && i + 1 < args.size()) {
      const auto number = integer_argument(args[++i], reply);
      if (!number) return std::nullopt;
      options.bytes_min = *number < 0 ? 0 : static_cast<std::size_t>(*number);
    } else {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
  }
  if (options.indexes && options.length) {
    reply.raw_error("ERR If you want both the length and indexes, please just use IDX.");
    return std::nullopt;
  }
  return options;
}

void reply_range(std::size_t from, std::size_t bytes, Reply& reply) {
  reply.array(2);
  reply.integer(static_cast<std::int64_t>(from));
  reply.integer(static_cast<std::int64_t>(from + bytes - 1));
}

void lcs(Table& table, Instant now, Args args, Reply& reply) {
  std::array<std::string_view, 2> texts;
  std::array<std::string, 2> short_ones;  // finding the second key may move what lies inline
  for (std::size_t i = 0; i < 2; ++i) {
    const Value* value = table.find(args[i + 1], now);
    if (value == nullptr) continue;
    if (value->type() != Type::string) {
      return reply.raw_error("ERR The specified keys must contain string values");
    }
    IntegerText room;
    texts[i] = value->text(room);
    if (texts[i].size() <= sizeof(room)) texts[i] = short_ones[i] = texts[i];
  }
  const auto options = options_of(args, reply);
  if (!options) return;
  if ((texts[0].size() + 1) * (texts[1].size() + 1) > limits::lcs_cells_max) {
    return reply.raw_error(
        "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  const CommonSubsequence common(texts[0], texts[1]);
  const auto length = static_cast<std::int64_t>(common.length(texts[0].size(), texts[1].size()));
  if (options->length) return reply.integer(length);
  std::vector<CommonSubsequence::Run> runs = common.runs();
  if (!options->indexes) {
    std::string text;
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
      text.append(texts[0].substr(run->in_a, run->bytes));
    }
    return reply.bulk(text);
  }
  std::erase_if(runs, [&](const auto& run) { return run.bytes < options->bytes_min; });
  reply.map(2);
  reply.bulk("matches");
  reply.array(runs.size());
  for (const auto& run : runs) {
    reply.array(options->with_lengths ? 3 : 2);
    reply_range(run.in_a, run.bytes, reply);
    reply_range(run.in_b, run.bytes, reply);
    if (options->with_lengths) reply.integer(static_cast<std::int64_t>(run.bytes));
  }
  reply.bulk("len");
  reply.integer(length);
}

constexpr Row rows[] = {
    {.name = "LCS",
     .code = 467,
     .arity = -3,
     .keys = {1, 2, 1},
     .access = Access::read,
     .read = lcs,
     .group = "string",
     .since = "0.1",
     .syntax = "key key [LEN] [IDX] [MINMATCHLEN count] [WITHMATCHLEN]",
     .summary = "The longest common subsequence of two strings, its length, or where its parts are",
     .complexity = "O(bytes × bytes / 64); refused above 2^27",
     .on_eventual = "this replica's view"},
};

}  // namespace

std::span<const Row> lcs_rows() {
  return rows;
}

}  // namespace holdfast::command
