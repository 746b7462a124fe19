// SPDX-License-Identifier: Apache-2.0
// Protects: functions come to the same on every node; one that ends well is its commands in order,
// one that does not is nothing. Random programs of random commands, drawn from each row's own
// syntax, so that a command added later is among them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "command/test_lines.h"
#include "function/functions.h"

namespace holdfast::function {
namespace {

using command::all_commands;
using command::Line;
using command::LineMaker;

// HOLDFAST_CALLS=1000000 takes twenty seconds.
int calls() {
  const char* const wanted = std::getenv("HOLDFAST_CALLS");
  return wanted != nullptr ? std::atoi(wanted) : 100'000;
}

// Runs the commands that its arguments are, each behind the number of its words, and ends as told.
constexpr std::string_view source = R"(#!lua name=programs
redis.register_function('run', function(keys, args)
  local ending, at, last = args[1], 2, false
  while at <= #args do
    local words = {}
    for i = 1, tonumber(args[at]) do words[i] = args[at + i] end
    at = at + #words + 1
    last = redis.pcall(unpack(words))
  end
  if ending == 'raise' then error({err = 'ENOUGH'}) end
  if ending == 'refuse' then return redis.error_reply('REFUSED') end
  if ending == 'spin' then while true do end end
  if ending == 'grow' then local s = 'x' while true do s = s .. s end end
  if ending == 'chance' then return {math.random(1000), tostring({}), last} end
  return last
end)
)";

struct Program {
  std::string ending;
  std::vector<Line> lines;
  std::vector<std::string> words;  // as FCALL's arguments

  std::vector<std::string_view> args() const { return {words.begin(), words.end()}; }
};

class Programs {
 public:
  Programs() {
    for (const Row* row : all_commands().rows()) {
      if (row->access == Access::read || row->access == Access::write) rows_.push_back(row);
    }
  }

  Program next() {
    static constexpr const char* endings[] = {"end",    "end",   "end",   "end",
                                              "chance", "raise", "refuse"};
    Program program{.ending = endings[random_() % std::size(endings)], .lines = {}, .words = {}};
    if (random_() % 2'000 == 0) program.ending = random_() % 2 == 0 ? "spin" : "grow";
    program.words = {"FCALL", "run", "0", program.ending};
    for (auto n = random_() % 5; n > 0; --n) {
      Line line = LineMaker(random_(), true).make(*rows_[random_() % rows_.size()]);
      program.words.push_back(std::to_string(line.size()));
      program.words.insert(program.words.end(), line.begin(), line.end());
      program.lines.push_back(std::move(line));
    }
    return program;
  }

 private:
  std::mt19937_64 random_{11};
  std::vector<const Row*> rows_;
};

/// A keyspace of one node.
class Side {
 public:
  Side() {
    auto library = Library::load(std::string(source));
    EXPECT_TRUE(library && functions_.add(*std::move(library), false));
  }

  std::string call(const Program& program, std::uint64_t number, Instant now) {
    table_.set_version(number);
    std::string out;
    Reply reply(out);
    const std::vector<std::string_view> args = program.args();
    function::call(functions_,
                   {.commands = all_commands(),
                    .table = table_,
                    .now = now,
                    .seed = number,
                    .holds = [](std::string_view) { return true; }},
                   args, reply);
    return out;
  }

  /// The program's commands, as a client would send them.
  void run_plainly(const Program& program, std::uint64_t number, Instant now) {
    table_.set_version(number);
    command::Random seeds(number);
    for (const Line& line : program.lines) {
      const std::vector<std::string_view> args(line.begin(), line.end());
      const Row* const row = command::row_of_line(line);
      if (row == nullptr || !check_arity(*row, args) || row->access > Access::write) continue;
      if ((row->flags & flag_noscript) != 0) continue;  // no function may
      std::string out;
      Reply reply(out);
      if (row->access == Access::read) {
        row->read(table_, now, args, reply);
      } else {
        Context context{table_, now, seeds.next()};
        row->strong(context, args, reply);
      }
    }
  }

  std::uint64_t digest(Instant now) { return table_.digest(now); }

 private:
  std::unique_ptr<Store> store_ = make_memory_store();
  Table table_{KeyspaceId{1}, *store_};
  Functions functions_;
};

TEST(Programs, ComeToTheSameEverywhereAndToNothingWhereTheyFail) {
  Programs programs;
  Side one;
  Side another;
  Side plain;
  Instant now = instant_from_ms(1'700'000'000'000);
  const int count = calls();
  int ended_well = 0;
  for (int number = 1; number <= count; ++number) {
    const Program program = programs.next();
    const auto version = static_cast<std::uint64_t>(number);
    const bool looks = number % 16 == 0;
    const std::uint64_t before = looks ? one.digest(now) : 0;
    const std::string reply = one.call(program, version, now);
    ASSERT_EQ(another.call(program, version, now), reply) << number;
    const bool well = !reply.starts_with('-');
    if (well) {
      plain.run_plainly(program, version, now);
      ++ended_well;
    } else if (looks) {
      ASSERT_EQ(one.digest(now), before) << number << ": " << reply;
    }
    if (number % 64 == 0) {
      ASSERT_EQ(one.digest(now), another.digest(now)) << number;
      ASSERT_EQ(one.digest(now), plain.digest(now)) << number;
    }
    now += Millis(number % 7 == 0 ? 3 : 0);
  }
  EXPECT_GT(ended_well, count / 4);
  EXPECT_LT(ended_well, count / 4 * 3);
}

}  // namespace
}  // namespace holdfast::function
