// SPDX-License-Identifier: Apache-2.0
#include "lab/scenes.h"

#include <fmt/format.h>

#include <charconv>
#include <numeric>
#include <random>
#include <set>
#include <span>
#include <utility>

namespace holdfast::lab {
namespace {

using verify::Answer;
using verify::Command;

constexpr std::int64_t account_begins_with = 1'000;
constexpr std::int64_t transfer_most = 20;
constexpr std::size_t reads_among = 5;  // one of so many operations on accounts is a read

Result<std::int64_t> number_of(const Answer& answer) {
  if (answer.kind == Answer::Kind::nil) return 0;
  if (answer.kind == Answer::Kind::integer) return answer.integer;
  std::int64_t number = 0;
  const char* const end = answer.text.data() + answer.text.size();
  const auto [at, error] = std::from_chars(answer.text.data(), end, number);
  if (answer.kind != Answer::Kind::text || error != std::errc() || at != end)
    return fail(Code::err, "no number: " + to_text(answer));
  return number;
}

Result<std::vector<std::int64_t>> numbers_of(const Answer& answer, std::size_t count) {
  if (answer.kind != Answer::Kind::array || answer.items.size() != count)
    return fail(Code::err, "another answer was expected: " + to_text(answer));
  std::vector<std::int64_t> numbers;
  for (const Answer& item : answer.items) {
    const auto number = number_of(item);
    if (!number) return tl::unexpected(number.error());
    numbers.push_back(*number);
  }
  return numbers;
}

/// What begins keys and ids, how many nodes there are, and chance.
struct Setting {
  std::string run;
  std::size_t nodes;
  std::uint64_t seed;
};

/// What scenes have in common: names, chance, and beats.
class Base : public Scene {
 public:
  Command beat(std::size_t node, std::uint64_t number) const override {
    return {"SET", beat_key(node), std::to_string(number)};
  }
  Command probe() const override {
    Command command = is_eventual() ? Command{"MGET"} : Command{"LOCAL", "MGET"};
    for (std::string& name : shown_keys()) command.push_back(std::move(name));
    for (std::size_t node = 0; node < nodes_; ++node) command.push_back(beat_key(node));
    return command;
  }
  Result<Shown> shown(const Answer& answer) const override {
    auto numbers = numbers_of(answer, shown_keys().size() + nodes_);
    if (!numbers) return tl::unexpected(numbers.error());
    const auto beats = numbers->end() - static_cast<std::ptrdiff_t>(nodes_);
    Shown shown = shown_by(std::span(numbers->begin(), beats));
    shown.beats.assign(beats, numbers->end());
    return shown;
  }

 protected:
  explicit Base(Setting setting)
      : run_(std::move(setting.run)), nodes_(setting.nodes), random_(setting.seed) {}

  /// What is asked for, and what its numbers mean.
  virtual std::vector<std::string> shown_keys() const = 0;
  virtual Shown shown_by(std::span<const std::int64_t> numbers) const = 0;

  std::string key(std::string_view thing) const {
    return fmt::format("{}:{}-{}", name(), run_, thing);
  }
  std::string new_id() { return fmt::format("{}-{}-{}", name(), run_, ++serial_); }
  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }

  std::string run_;

 private:
  std::string beat_key(std::size_t node) const { return key(fmt::format("beat-{}", node + 1)); }

  std::size_t nodes_;
  std::mt19937_64 random_;
  std::uint64_t serial_ = 0;
};

class Likes final : public Base {
 public:
  Likes(Setting setting, std::size_t posts, std::vector<Like> likes)
      : Base(std::move(setting)), likes_(std::move(likes)) {
    std::set<std::string> named;
    for (const Like& like : likes_) named.insert(like.post);
    for (std::size_t i = 1; likes_.empty() && i <= posts; ++i) named.insert(std::to_string(i));
    posts_.assign(named.begin(), named.end());
  }

  std::string_view name() const override { return "likes"; }
  std::string_view what() const override { return "like"; }
  bool is_eventual() const override { return true; }

  Op next() override {
    std::string post, id;
    if (likes_.empty()) {
      post = posts_[below(posts_.size())];
      id = new_id();
    } else {
      // Over again from the beginning, as other people's.
      const Like& like = likes_[at_ % likes_.size()];
      post = like.post;
      id = like.id.empty() ? new_id()
                           : fmt::format("{}-{}-{}", run_, at_ / likes_.size() + 1, like.id);
      ++at_;
    }
    return {.commands = {{"INCRBY", key(post), "1"}}, .id = std::move(id)};
  }

 protected:
  std::vector<std::string> shown_keys() const override {
    std::vector<std::string> keys;
    for (const std::string& post : posts_) keys.push_back(key(post));
    return keys;
  }
  Shown shown_by(std::span<const std::int64_t> counts) const override {
    return {.value = std::accumulate(counts.begin(), counts.end(), std::int64_t{0})};
  }

 private:
  std::vector<Like> likes_;
  std::vector<std::string> posts_;
  std::size_t at_ = 0;
};

class Accounts final : public Base {
 public:
  Accounts(Setting setting, std::size_t accounts) : Base(std::move(setting)), accounts_(accounts) {}

  std::string_view name() const override { return "accounts"; }
  std::string_view what() const override { return "transfer"; }
  bool is_eventual() const override { return false; }

  std::vector<Command> prepare() const override {
    Command all{"MSET", key("transfers"), "0"};
    for (std::size_t i = 0; i < accounts_; ++i) {
      all.push_back(account(i));
      all.push_back(std::to_string(account_begins_with));
    }
    return {std::move(all)};
  }
  Op next() override {
    if (below(reads_among) == 0)
      return {.commands = {{"GET", key("transfers")}}, .id = {}, .write = false};
    const std::size_t from = below(accounts_);
    const std::size_t to = (from + 1 + below(accounts_ - 1)) % accounts_;
    const std::string amount = std::to_string(1 + below(transfer_most));
    return {.commands = {{"DECRBY", account(from), amount},
                         {"INCRBY", account(to), amount},
                         {"INCRBY", key("transfers"), "1"}},
            .multi = true,
            .id = new_id()};
  }

 protected:
  std::vector<std::string> shown_keys() const override {
    std::vector<std::string> keys{key("transfers")};
    for (std::size_t i = 0; i < accounts_; ++i) keys.push_back(account(i));
    return keys;
  }
  Shown shown_by(std::span<const std::int64_t> numbers) const override {
    const std::int64_t sum = std::accumulate(numbers.begin() + 1, numbers.end(), std::int64_t{0});
    // A node that lags may not even have what the accounts began with.
    const auto wanted = account_begins_with * static_cast<std::int64_t>(accounts_);
    return {.value = numbers.front(), .sound = sum == wanted || (sum == 0 && numbers.front() == 0)};
  }

 private:
  std::string account(std::size_t number) const { return key(std::to_string(number + 1)); }

  std::size_t accounts_;
};

class Retry final : public Base {
 public:
  explicit Retry(Setting setting) : Base(std::move(setting)) {}

  std::string_view name() const override { return "retry"; }
  std::string_view what() const override { return "count"; }
  bool is_eventual() const override { return true; }
  bool insists() const override { return true; }

  /// One and one, so that both counters are to come to the same.
  Op next() override {
    plain_ = !plain_;
    if (plain_) return {.commands = {{"INCRBY", key("plain"), "1"}}, .id = {}, .plain = true};
    return {.commands = {{"INCRBY", key("once"), "1"}}, .id = new_id()};
  }

 protected:
  std::vector<std::string> shown_keys() const override { return {key("once"), key("plain")}; }
  Shown shown_by(std::span<const std::int64_t> numbers) const override {
    return {.value = numbers.front(), .plain = numbers.back()};
  }

 private:
  bool plain_ = false;
};

}  // namespace

std::vector<std::unique_ptr<Scene>> make_scenes(const Scenario& scenario, std::size_t nodes,
                                                const std::string& run,
                                                const std::vector<Like>& likes,
                                                std::uint64_t seed) {
  std::vector<std::unique_ptr<Scene>> scenes;
  const SceneKind kind = scenario.scene;
  const Setting setting{.run = run, .nodes = nodes, .seed = seed};
  if (kind == SceneKind::likes || kind == SceneKind::both)
    scenes.push_back(std::make_unique<Likes>(setting, scenario.things, likes));
  if (kind == SceneKind::accounts || kind == SceneKind::both)
    scenes.push_back(std::make_unique<Accounts>(setting, scenario.things));
  if (kind == SceneKind::retry) scenes.push_back(std::make_unique<Retry>(setting));
  return scenes;
}

}  // namespace holdfast::lab
