// SPDX-License-Identifier: Apache-2.0
#include "sim/cache.h"

#include <fmt/format.h>

#include <utility>

#include "base/assert.h"
#include "value/value.h"
#include "verify/resp.h"

namespace holdfast::sim {

void Cache::post(std::function<void()> run) {
  parts_.agenda.after(Millis(0), [self = shared_from_this(), run = std::move(run)] { run(); });
}

void Cache::think() {
  parts_.agenda.after(parts_.random.millis(1, 60), [self = shared_from_this()] {
    if (self->stopped_) return;
    self->look();
    if (self->stream_ == nullptr && self->dialing_ == nullptr) {
      if (self->parts_.random.percent(20)) self->dial();
    } else if (self->parts_.random.percent(1)) {
      self->hang_up();
    } else if (self->stream_ != nullptr && self->owed_ == 0 && self->reading_.empty()) {
      const std::string key = Workload::counter_key(self->parts_.random.below(3));
      if (!self->kept_.contains(key)) {
        self->reading_ = key;
        self->ask({"GET", key});
      }
    }
    self->think();
  });
}

void Cache::look() {
  if (kept_.empty()) return;
  // Its machine stands still, or is gone: docs/caching.md.
  if (parts_.life_of(at_) != life_) return hang_up();
  for (const auto& [key, value] : kept_) {
    ++looks_;
    const std::int64_t least = parts_.workload.acknowledged(key);
    if (value < least)
      parts_.broken(fmt::format("a cache at {} keeps {} of {}, after {} was acknowledged", at_,
                                value, key, least));
  }
}

void Cache::dial() {
  at_ = parts_.addresses[parts_.random.below(parts_.addresses.size())];
  dialing_ = parts_.network.dial(
      shared_from_this(), at_,
      [self = shared_from_this()](Result<std::unique_ptr<mesh::ByteStream>> stream) {
        self->dialing_.reset();
        if (!stream || self->stopped_) return;
        self->stream_ = std::move(*stream);
        self->life_ = self->parts_.life_of(self->at_);
        self->read();
        const Owners& owners = self->parts_.workload.owners();
        std::string all;
        const auto add = [&](const verify::Command& command) {
          verify::encode_request(command, all);
          ++self->owed_;
        };
        if (owners.must_sign_in()) add(owners.sign_in(self->parts_.service));
        add({"HELLO", "3"});
        add({"CLIENT", "TRACKING", "ON"});
        self->stream_->write(all, [self, open = self->stream_, all](const auto&) {});
      });
}

void Cache::ask(const verify::Command& command) {
  std::string bytes;
  verify::encode_request(command, bytes);
  stream_->write(bytes, [self = shared_from_this(), open = stream_](const auto&) {});
}

void Cache::read() {
  stream_->read(room_, [self = shared_from_this(), open = stream_](Result<std::size_t> bytes) {
    if (open != self->stream_) return;
    if (!bytes) return self->hang_up();
    self->came(*bytes);
  });
}

void Cache::came(std::size_t bytes) {
  input_.append(room_.data(), bytes);
  const auto open = stream_;
  while (open == stream_) {
    const bool is_push = input_.starts_with('>');
    const auto reply = verify::take_reply(input_);
    HF_ASSERT(reply);
    if (!*reply) break;
    is_push ? told(**reply) : answered(**reply);
  }
  if (open == stream_) read();
}

void Cache::told(const verify::Answer& push) {
  ++told_;
  const verify::Answer& keys = push.items.at(1);
  if (keys.kind == verify::Answer::Kind::nil) return kept_.clear();
  for (const verify::Answer& key : keys.items) kept_.erase(key.text);
}

void Cache::answered(const verify::Answer& answer) {
  const bool error = answer.kind == verify::Answer::Kind::error;
  if (owed_ > 0) {
    --owed_;
    if (error) hang_up();
    return;
  }
  const std::string key = std::exchange(reading_, {});
  if (error) return hang_up();
  // What comes behind the reply is heard before it is looked at: it comes at once.
  kept_[key] =
      answer.kind == verify::Answer::Kind::text ? parse_integer(answer.text).value_or(0) : 0;
}

void Cache::hang_up() {
  if (!kept_.empty()) ++cut_;
  kept_.clear();
  owed_ = 0;
  reading_.clear();
  input_.clear();
  dialing_.reset();
  if (stream_ != nullptr) stream_->close();
  stream_ = nullptr;
}

}  // namespace holdfast::sim
