// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/etcd_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "base/logging.h"
#include "log/etcd/appends.h"
#include "log/etcd/follow.h"
#include "log/etcd/trim.h"

namespace holdfast::etcd {
namespace {

constexpr Millis question_timeout{1'000};
// A question for the end that fails goes to the other members at once, then less often.
constexpr int tries_at_once = 3;
constexpr Millis question_pause{50};
constexpr Millis status_timeout{2'000};
// Appends are refused for so long after etcd said that it has no space; then one
// tries again.
constexpr Millis no_space_pause{2'000};

// docs/cluster.md names the faults: stale reads after a
// pause, watches that lost events, a revision that went back.
bool has_known_faults(std::string_view version) {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  if (std::sscanf(std::string(version).c_str(), "%u.%u.%u", &major, &minor, &patch) != 3)
    return false;
  if (major != 3) return major < 3;
  return minor < 5 || (minor == 5 && patch < 30);
}

class Impl final : public EtcdLog {
 public:
  Impl(std::shared_ptr<Api> api, LogOptions options)
      : api_(std::move(api)),
        options_(std::move(options)),
        keys_(options_.cluster),
        follow_(*api_, keys_, fmt::format("{:016x}", options_.random()),
                [this](Position position, std::string_view key, std::string_view payload) {
                  const Token token = appends_.delivered(key);
                  tell_failed();  // those came before
                  follower_->on_entry({.position = position, .payload = payload, .token = token});
                }),
        appends_(*api_, keys_, options_.request_timeout,
                 {.heard = [this](const Header& header) { follow_.heard(header); },
                  .not_heard = [this](const Failure& failure) { not_heard(failure); },
                  .failed = [this](Token token,
                                   const Error& error) { failed_.emplace_back(token, error); },
                  .random = options_.random}),
        trim_(*api_, keys_) {}

  Status follow(Position after, std::string_view place, LogFollower& follower) override {
    HF_ASSERT(follower_ == nullptr);
    follower_ = &follower;
    return follow_.start(after, place);
  }

  std::string place() const override { return follow_.place(); }

  Status append(std::string payload, Token token, Durability) override {
    if (payload.size() > entry_bytes_max())
      return fail(Code::err, "the entry is larger than etcd takes");
    if (Status s = writable(); !s) return s;
    bytes_appended_ += payload.size();
    appends_.add(payload, token);
    return {};
  }

  void end(Millis timeout, std::function<void(Result<Position>)> done) override {
    // A used up quota stops appends only.
    const LogHealth now = follow_.health();
    if (closed_ || now.state != LogHealth::State::ok)
      return done(fail(Code::unavailable, closed_ ? "the log is closed" : now.reason));
    ask_end({.deadline = api_->now() + timeout, .not_before = {}, .done = std::move(done)});
  }

  void deliver() override {
    api_->deliver();
    appends_.step();
    follow_.step();
    trim_.step();
    tell_failed();
    ask_ends();
    if (!asked_status_ && follow_.health().state == LogHealth::State::ok) ask_status();
  }

  void trim(Position up_to) override { trim_.want(up_to.value); }

  Status writable() const override {
    const LogHealth now = health();
    if (now.state == LogHealth::State::ok) return {};
    return fail(Code::unavailable, now.reason);
  }

  LogHealth health() const override {
    if (closed_) return {LogHealth::State::cut_off, "the log is closed"};
    if (follow_.health().state == LogHealth::State::ok && api_->now() < no_space_until_)
      return {LogHealth::State::cut_off, "etcd's space quota is used up"};
    return follow_.health();
  }

  std::size_t entry_bytes_max() const override { return limits::etcd_entry_bytes_max; }
  std::uint64_t bytes_appended() const override { return bytes_appended_; }
  std::uint64_t ordinal() const override { return follow_.ordinal(); }
  const std::vector<std::string>& warnings() const override { return warnings_; }

  void close() override {
    closed_ = true;
    api_->stop_watching();
    for (Question& question : std::exchange(questions_, {}))
      question.done(fail(Code::unavailable, "the log is closed"));
  }

  LogCounters counters() const override {
    const Appends::Counters& appends = appends_.counters();
    const Follow::Counters& follow = follow_.counters();
    return {.appends_sent = appends.sent,
            .appends_overtaken = appends.overtaken,
            .appends_again = appends.again,
            .appends_given_up = appends.given_up,
            .watch_repeats = follow.repeats,
            .watch_gaps = follow.gaps,
            .watch_silences = follow.silences,
            .refetches = follow.refetches,
            .watches = follow.watches,
            .doubts = follow.doubts};
  }

 private:
  struct Question {
    Monotonic deadline;
    Monotonic not_before;
    int tries = 0;
    std::function<void(Result<Position>)> done;
  };

  void tell_failed() {
    for (const auto& [token, error] : std::exchange(failed_, {}))
      follower_->on_append_failed(token, error);
  }

  // Those whose pause is over.
  void ask_ends() {
    for (Question& question : std::exchange(questions_, {})) {
      if (api_->now() < question.not_before) {
        questions_.push_back(std::move(question));
      } else {
        ask_end(std::move(question));
      }
    }
  }

  void ask_end(Question question) {
    const auto left = std::chrono::duration_cast<Millis>(question.deadline - api_->now());
    const Position asked_at = follow_.delivered();
    ++question.tries;
    api_->range({.first = keys_.tail(), .end = {}}, std::clamp(left, Millis(1), question_timeout),
                [this, asked_at,
                 question = std::move(question)](const Answer<RangeResult>& answer) mutable {
                  on_end(std::move(question), asked_at, answer);
                });
  }

  void on_end(Question question, Position asked_at, const Answer<RangeResult>& answer) {
    if (answer) {
      follow_.heard_tail(*answer, asked_at);
      if (const LogHealth now = follow_.health(); now.state != LogHealth::State::ok)
        return question.done(fail(Code::unavailable, now.reason));
      const std::int64_t end = answer->kvs.empty() ? 0 : answer->kvs[0].mod_revision;
      return question.done(Position{static_cast<std::uint64_t>(end)});
    }
    follow_.not_heard(answer.error());
    if (api_->now() >= question.deadline || follow_.health().state != LogHealth::State::ok)
      return question.done(fail(Code::unavailable, "etcd: " + answer.error().text));
    if (question.tries <= tries_at_once) return ask_end(std::move(question));
    question.not_before = api_->now() + question_pause;
    questions_.push_back(std::move(question));
  }

  void not_heard(const Failure& failure) {
    follow_.not_heard(failure);
    if (failure.kind != Failure::Kind::no_space) return;
    no_space_until_ = api_->now() + no_space_pause;
    trim_.reclaim(follow_.delivered().value);
  }

  void ask_status() {
    asked_status_ = true;
    api_->status(status_timeout, [this](const Answer<std::vector<MemberStatus>>& members) {
      if (!members) return;
      for (const MemberStatus& member : *members) {
        if (!has_known_faults(member.version)) continue;
        warnings_.push_back(
            fmt::format("etcd {} at {} has known faults (stale reads after a pause; lost, repeated "
                        "or reordered "
                        "watch events; a revision that goes back): run 3.5.30 or later",
                        member.version, member.endpoint));
        logging::warning("{}", warnings_.back());
      }
    });
  }

  std::shared_ptr<Api> api_;
  LogOptions options_;
  Keys keys_;
  Follow follow_;
  Appends appends_;
  Trim trim_;
  LogFollower* follower_ = nullptr;
  std::vector<std::pair<Token, Error>> failed_;
  std::vector<Question> questions_;  // to be asked again
  std::vector<std::string> warnings_;
  Monotonic no_space_until_{};
  std::uint64_t bytes_appended_ = 0;
  bool asked_status_ = false;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<EtcdLog> make_etcd_log(std::shared_ptr<Api> api, LogOptions options) {
  return std::make_unique<Impl>(std::move(api), std::move(options));
}

}  // namespace holdfast::etcd
