// SPDX-License-Identifier: Apache-2.0
#include "server/reply_queue.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace holdfast::server {
namespace {

constexpr std::size_t ring_min = 16;
constexpr std::size_t ring_kept_max = 128;  // slots kept when nothing is owed
constexpr std::size_t text_kept_max = 256;  // bytes a free slot or the scratch keeps

void empty(std::string& text) {
  text.clear();
  if (text.capacity() > text_kept_max) std::string().swap(text);
}

}  // namespace

void ReplyQueue::set_form(Form form) {
  HF_ASSERT(quiet());
  form_ = form;
}

std::string& ReplyQueue::open() {
  open_ = true;
  if (quiet()) {
    mark_ = output_.size();
    return output_;
  }
  empty(scratch_);
  return scratch_;
}

void ReplyQueue::close(const Shape& shape) {
  open_ = false;
  if (!quiet()) {
    Slot& added = add_slot(shape);
    added.text.swap(scratch_);
    added.finished = true;
    held_bytes_ += added.text.size();
    return;
  }
  head_ = ++next_;
  const std::string_view reply = std::string_view(output_).substr(mark_);
  if (reader_ != nullptr) {
    reader_->replied(reply, shape, Replay::none);
    empty(output_);
  } else if (shape.silent) {
    output_.resize(mark_);
  } else if (needs_conversion(reply, form_, shape)) {
    empty(scratch_);
    append_reply(scratch_, reply, form_, shape);
    output_.resize(mark_);
    output_.append(scratch_);
    empty(scratch_);
  }
  cut_chunk();
}

void ReplyQueue::promise(const Shape& shape) {
  open_ = false;
  add_slot(shape);
}

void ReplyQueue::complete(std::uint64_t sequence, std::string_view canonical, Replay replay) {
  HF_ASSERT(sequence >= head_ && sequence < next_ && !slot(sequence).finished);
  if (sequence != head_) {
    Slot& waiting = slot(sequence);
    waiting.text = canonical;
    waiting.replay = replay;
    waiting.finished = true;
    held_bytes_ += canonical.size();
    return;
  }
  emit(canonical, slot(head_).shape, replay);
  pop();
  while (head_ != next_ && slot(head_).finished) {
    const Slot& first = slot(head_);
    held_bytes_ -= first.text.size();
    emit(first.text, first.shape, first.replay);
    pop();
  }
  if (quiet() && ring_.size() > ring_kept_max) std::vector<Slot>().swap(ring_);
}

void ReplyQueue::push(std::string_view canonical_push) {
  HF_ASSERT(reader_ == nullptr && canonical_push.starts_with('>'));
  if (open_ && quiet()) {  // that reply lies at the output's end from mark_ on
    std::string converted;
    append_reply(converted, canonical_push, form_, {});
    output_.insert(mark_, converted);
    mark_ += converted.size();
    return;
  }
  append_reply(output_, canonical_push, form_, {});
  cut_chunk();
}

void ReplyQueue::push_behind(std::uint64_t sequence, std::string_view canonical_push) {
  if (sequence < head_) return push(canonical_push);
  Slot& one = slot(sequence);
  held_bytes_ += canonical_push.size();
  one.push.append(canonical_push);
}

ReplyQueue::Slot& ReplyQueue::add_slot(const Shape& shape) {
  if (owed() == ring_.size()) {
    std::vector<Slot> larger(std::max(ring_min, ring_.size() * 2));
    for (std::uint64_t i = head_; i != next_; ++i) {
      larger[i & (larger.size() - 1)] = std::move(slot(i));
    }
    ring_.swap(larger);
  }
  Slot& added = slot(next_++);
  added.shape = shape;
  added.replay = Replay::none;
  added.finished = false;
  return added;
}

void ReplyQueue::emit(std::string_view canonical, const Shape& shape, Replay replay) {
  if (reader_ != nullptr) return reader_->replied(canonical, shape, replay);
  if (shape.silent) return;
  if (replay != Replay::none && marks_replays_ && form_ == Form::resp3) {
    output_.append("|1\r\n+idempotency-replayed\r\n");
    output_.append(replay == Replay::reply ? "+reply\r\n" : "+effect\r\n");
  }
  append_reply(output_, canonical, form_, shape);
  cut_chunk();
}

void ReplyQueue::add_chunk() {
  chunk_bytes_ += output_.size();
  chunks_.push_back(std::exchange(output_, {}));
}

std::string ReplyQueue::take_chunk() {
  std::string chunk = std::move(chunks_.front());
  chunks_.pop_front();
  chunk_bytes_ -= chunk.size();
  return chunk;
}

void ReplyQueue::pop() {
  Slot& first = slot(head_++);
  if (!first.push.empty()) [[unlikely]] {
    held_bytes_ -= first.push.size();
    append_reply(output_, first.push, form_, {});
    std::string().swap(first.push);
    cut_chunk();
  }
  empty(first.text);
  first.shape.flat_elements.reset();
}

std::size_t ReplyQueue::memory() const {
  return output_.capacity() + chunk_bytes_ + scratch_.capacity() + ring_.capacity() * sizeof(Slot) +
         held_bytes_;
}

}  // namespace holdfast::server
