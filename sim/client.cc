// SPDX-License-Identifier: Apache-2.0
#include "sim/client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "value/value.h"
#include "verify/resp.h"

namespace holdfast::sim {
namespace {

constexpr int tries_max = 8;
constexpr std::uint64_t patience_min_ms = 300, patience_max_ms = 3'000;

// Without an engine what a node was told may be lost with it, where it is taken out.
bool was_done_before(const std::string& error) {
  constexpr std::array signs = {"exists", "no such keyspace", "no member", "is not stuck"};
  return std::ranges::any_of(
      signs, [&](const char* sign) { return error.find(sign) != std::string::npos; });
}

}  // namespace

void Client::post(std::function<void()> run) {
  parts_.agenda.after(Millis(0), [self = shared_from_this(), run = std::move(run)] { run(); });
}

void Client::think() {
  idle_ = parts_.left == 0;
  if (idle_) return hang_up();
  --parts_.left;
  parts_.agenda.after(Millis(parts_.random.below(parts_.plan.think_ms_max + 1)),
                      [self = shared_from_this()] { self->begin(self->parts_.workload.next()); });
}

void Client::insist(const verify::Command& command, Answered done) {
  insisted_ = std::move(done);
  begin({.commands = {command}});
}

void Client::begin(Call call) {
  idle_ = false;
  call_ = std::move(call);
  tries_ = 0;
  node_ = parts_.random.below(parts_.addresses.size());
  attempt();
}

void Client::attempt() {
  ++tries_;
  const std::uint64_t number = ++attempt_;
  output_.clear();
  auto lines = requests_of(call_);
  const std::string as = call_.as.empty() ? parts_.service : call_.as;
  if (as != as_) hang_up();
  const Owners& owners = parts_.workload.owners();
  if (stream_ == nullptr && owners.must_sign_in()) lines.insert(lines.begin(), owners.sign_in(as));
  as_ = as;
  for (const verify::Command& line : lines) verify::encode_request(line, output_);
  replies_wanted_ = lines.size();
  input_.clear();
  if (!call_.tally_key.empty() && !call_.probe)
    parts_.workload.tallies()[call_.tally_key].entries[call_.tally_place].sent = true;

  parts_.note([&] {
    std::string text = name_ + " to " + (stream_ != nullptr ? at_ : parts_.addresses[node_]) + ":";
    for (const std::string& word : lines.back()) text += " " + word;
    return text;
  });
  parts_.agenda.after(parts_.random.millis(patience_min_ms, patience_max_ms),
                      [self = shared_from_this(), number] {
                        if (number == self->attempt_) self->no_answer();
                      });
  sent_at_ = parts_.agenda.stamp();
  parts_.workload.owners().sent(call_, sent_at_);
  if (stream_ != nullptr) return connected(nullptr);
  at_ = parts_.addresses[node_];
  dialing_ = parts_.network.dial(
      shared_from_this(), at_,
      [self = shared_from_this(), number](Result<std::unique_ptr<mesh::ByteStream>> stream) {
        if (number != self->attempt_) return;
        if (!stream) {
          // Nothing was sent: not soon again.
          self->sent_at_ = 0;
          self->parts_.agenda.after(Millis(20), [self, number] {
            if (number == self->attempt_) self->no_answer();
          });
          return;
        }
        self->connected(std::move(*stream));
      });
}

void Client::connected(std::unique_ptr<mesh::ByteStream> stream) {
  dialing_.reset();
  if (stream != nullptr) {
    stream_ = std::move(stream);
    read();
  }
  stream_->write(output_, [self = shared_from_this(), stream = stream_](const auto&) {});
}

void Client::read() {
  stream_->read(room_, [self = shared_from_this(), stream = stream_](Result<std::size_t> bytes) {
    if (stream != self->stream_) return;
    if (!bytes) return self->replies_wanted_ > 0 ? self->no_answer() : self->hang_up();
    self->came(*bytes);
  });
}

void Client::came(std::size_t bytes) {
  input_.append(room_.data(), bytes);
  const auto stream = stream_;
  while (true) {
    const auto reply = verify::take_reply(input_);
    HF_ASSERT(reply);
    if (!*reply) break;
    if (replies_wanted_ == 0 || --replies_wanted_ > 0) continue;
    if (call_.by_function && !call_.tally_key.empty() &&
        (*reply)->kind == verify::Answer::Kind::text) {
      answered_with(verify::Answer::of(parse_integer((*reply)->text).value_or(0)));
    } else {
      answered_with(**reply);
    }
    break;
  }
  if (stream_ != nullptr && stream == stream_) read();
}

// What stands for all that this node has: another that answers behind it must show the
// increment, too.
void Client::ask_for_token() {
  Call token{.commands = {{"TOKEN"}}, .tally_key = call_.tally_key, .probe = true};
  token.tally_place = call_.tally_place;
  call_ = std::move(token);
  tries_ = tries_max;
  attempt();
}

void Client::probed(const verify::Answer& answer) {
  if (answer.kind != verify::Answer::Kind::text) return finish();
  if (call_.commands.front().front() == "TOKEN") {
    call_.commands = {{"AFTER", answer.text, "GET", call_.tally_key}};
    if (parts_.random.percent(50)) hang_up();
    node_ = parts_.random.below(parts_.addresses.size());
    return attempt();
  }
  ++probes_;
  const std::uint64_t holds = std::stoull(answer.text);
  if ((holds >> (tally_bits * call_.tally_place) & ((1U << tally_bits) - 1)) == 0) {
    parts_.broken(call_.tally_key + ": " + at_ + " answered behind a token without what was " +
                  "acknowledged before it");
  }
  finish();
}

void Client::answered_with(const verify::Answer& answer) {
  ++attempt_;
  ++answered_;
  parts_.note([&] { return name_ + " is answered " + verify::to_text(answer); });
  record(&answer);
  if (call_.probe) return probed(answer);
  parts_.workload.heard(call_, answer);
  for (const std::string& wrong :
       {parts_.workload.workflows().heard(call_, answer),
        parts_.workload.queue().heard(call_, answer),
        parts_.workload.owners().heard(call_, answer, sent_at_, parts_.agenda.stamp())}) {
    if (!wrong.empty()) parts_.broken(at_ + ": " + wrong);
  }
  // With a token that is none any more, or not known here yet.
  if (answer.text.starts_with("NOAUTH")) hang_up();
  const bool error = answer.kind == verify::Answer::Kind::error;
  if (insisted_) {
    if (!error || was_done_before(answer.text)) {
      idle_ = true;
      return std::exchange(insisted_, nullptr)(answer);
    }
    parts_.agenda.after(Millis(100), [self = shared_from_this()] { self->begin(self->call_); });
    return;
  }
  if (!call_.tally_key.empty() && answer.kind == verify::Answer::Kind::integer) {
    Tally::Entry& entry = parts_.workload.tallies()[call_.tally_key].entries[call_.tally_place];
    entry.acknowledged_by.insert(at_);
    entry.durably = call_.tally_key[0] == 's' || call_.tally_key[0] == 'e';
    if (!call_.strong && parts_.random.percent(10)) return ask_for_token();
  }
  const bool again = error ? call_.safe_to_repeat() && tries_ < tries_max
                           : call_.safe_to_repeat() &&
                                 parts_.random.percent(parts_.plan.retries_everywhere_percent);
  again ? no_answer() : finish();
}

// Tries again where that is safe, or leaves it.
void Client::no_answer() {
  if (attempt_ != 0 && replies_wanted_ > 0) {
    ++attempt_;
    ++unanswered_;
    parts_.note([&] { return name_ + " is not answered"; });
    record(nullptr);
  }
  hang_up();
  const bool safe = insisted_ || call_.safe_to_repeat();
  if (!safe || (!insisted_ && tries_ >= tries_max)) return finish();
  node_ = parts_.random.below(parts_.addresses.size());
  const std::uint64_t number = attempt_;
  parts_.agenda.after(Millis(parts_.random.below(100)), [self = shared_from_this(), number] {
    if (number == self->attempt_) self->attempt();
  });
}

void Client::finish() {
  if (parts_.random.percent(20)) hang_up();
  think();
}

void Client::hang_up() {
  dialing_.reset();
  if (stream_ != nullptr) stream_->close();
  stream_ = nullptr;
}

void Client::record(const verify::Answer* answer) {
  if (!call_.strong || (answer == nullptr && sent_at_ == 0)) return;
  verify::Operation one{.client = name_,
                        .node = at_,
                        .id = call_.id,
                        .commands = call_.commands,
                        .multi = call_.multi,
                        .start = sent_at_};
  if (answer != nullptr) {
    one.end = parts_.agenda.stamp();
    if (answer->kind == verify::Answer::Kind::error) {
      one.error = answer->text;
      one.outcome = verify::outcome_of(answer->text);
    } else {
      one.outcome = verify::Outcome::applied;
      one.answer = *answer;
    }
  }
  parts_.workload.history().operations.push_back(std::move(one));
}

}  // namespace holdfast::sim
