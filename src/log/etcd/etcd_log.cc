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
    appends_.add(std::move(payload), token);
    return {};
  }

  void end(Millis timeout, std::function<void(Result<Position>)> done) override {
    if (const LogHealth now = health(); now.state != LogHealth::State::ok)
      return done(fail(Code::unavailable, now.reason));
    ask_end(api_->now() + timeout, std::move(done));
  }

  void deliver() override {
    api_->deliver();
    appends_.step();
    follow_.step();
    trim_.step();
    // Not from within append(), which an answer to a failed one may call.
    for (const auto& [token, error] : std::exchange(failed_, {}))
      follower_->on_append_failed(token, error);
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

  void close() override {
    closed_ = true;
    api_->stop_watching();
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
            .watches = follow.watches};
  }

 private:
  void ask_end(Monotonic deadline, std::function<void(Result<Position>)> done) {
    const auto left = std::chrono::duration_cast<Millis>(deadline - api_->now());
    api_->range({.first = keys_.tail(), .end = {}}, std::clamp(left, Millis(1), question_timeout),
                [this, deadline, done = std::move(done)](const Answer<RangeResult>& answer) {
                  if (answer) {
                    follow_.heard_tail(*answer);
                    const std::int64_t end = answer->kvs.empty() ? 0 : answer->kvs[0].mod_revision;
                    if (follow_.health().state == LogHealth::State::refused)
                      return done(fail(Code::unavailable, follow_.health().reason));
                    return done(Position{static_cast<std::uint64_t>(end)});
                  }
                  follow_.not_heard(answer.error());
                  if (api_->now() >= deadline || health().state != LogHealth::State::ok)
                    return done(fail(Code::unavailable, "etcd: " + answer.error().text));
                  ask_end(deadline, done);
                });
  }

  void not_heard(const Failure& failure) {
    follow_.not_heard(failure);
    if (failure.kind != Failure::Kind::no_space) return;
    no_space_until_ = api_->now() + no_space_pause;
    trim_.reclaim();
  }

  void ask_status() {
    asked_status_ = true;
    api_->status(status_timeout, [](const Answer<std::vector<MemberStatus>>& members) {
      if (!members) return;
      for (const MemberStatus& member : *members) {
        if (!has_known_faults(member.version)) continue;
        logging::warning(
            "etcd {} at {} has known faults that can lose or reorder what it tells, and stale "
            "reads after a pause: use 3.5.30, 3.6 or later",
            member.version, member.endpoint);
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
