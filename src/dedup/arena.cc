// SPDX-License-Identifier: Apache-2.0
#include "dedup/arena.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/scattered_memory.h"

namespace holdfast::dedup {
namespace {

// An entry: hash (16), fingerprint (8), head (1), time (4, or 8), reply.
constexpr std::size_t head_at = sizeof(Hash128) + sizeof(std::uint64_t);
constexpr std::size_t time_at = head_at + 1;

// The head: two flags, and below them how the reply lies.
constexpr std::uint8_t flag_voided = 0x80;
constexpr std::uint8_t flag_wide_time = 0x40;
constexpr std::uint8_t form_mask = 0x3F;
constexpr std::uint8_t short_max = 60;   // that many bytes and CR LF, which is not stored
constexpr std::uint8_t form_plain = 61;  // 4 bytes of length, then all of it
constexpr std::uint8_t form_long = 62;   // 4 bytes: its place among the long replies

constexpr std::size_t plain_max = 2048;  // a longer one would leave holes in the chunks

template <typename T>
char* put(char* p, T value) {
  std::memcpy(p, &value, sizeof(value));
  return p + sizeof(value);
}

template <typename T>
T get(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

std::shared_ptr<char[]> make_chunk(std::size_t bytes) {
  return {static_cast<char*>(allocate_scattered(bytes, alignof(std::max_align_t))),
          [bytes](char* chunk) { free_scattered(chunk, bytes, alignof(std::max_align_t)); }};
}

}  // namespace

char* Arena::room_for(std::size_t bytes) {
  if (chunks_.empty()) {
    chunks_.push_back(make_chunk(first_chunk_bytes));
    capacity_ = memory_bytes_ = first_chunk_bytes;
  }
  std::uint64_t used = end_ - (chunks_.size() - 1) * chunk_bytes;
  while (used + bytes > capacity_ && capacity_ < chunk_bytes) {
    auto larger = make_chunk(capacity_ * 2);
    std::memcpy(larger.get(), chunks_.back().get(), used);
    chunks_.back() = std::move(larger);
    memory_bytes_ += capacity_;
    capacity_ *= 2;
  }
  if (used + bytes > capacity_) {
    used_.push_back(static_cast<std::uint32_t>(used));
    chunks_.push_back(make_chunk(chunk_bytes));
    memory_bytes_ += chunk_bytes;
    end_ = (chunks_.size() - 1) * chunk_bytes;
    used = 0;
  }
  return chunks_.back().get() + used;
}

Ref Arena::append(const Hash128& hash, std::uint64_t fingerprint, Instant first_applied,
                  bool voided, std::string_view reply) {
  const std::int64_t ms = to_ms(first_applied);
  if (chunks_.empty()) base_ms_ = ms - std::numeric_limits<std::int32_t>::max();
  const std::int64_t since_base = ms - base_ms_;
  const bool wide = since_base < 0 || since_base > std::numeric_limits<std::uint32_t>::max();

  std::uint8_t form = form_long;
  std::size_t reply_bytes = sizeof(std::uint32_t);
  if (reply.size() <= short_max + std::size_t{2} && reply.ends_with("\r\n")) {
    form = static_cast<std::uint8_t>(reply.size() - 2);
    reply_bytes = form;
  } else if (reply.size() <= plain_max) {
    form = form_plain;
    reply_bytes += reply.size();
  }
  std::size_t bytes = time_at + (wide ? sizeof(std::int64_t) : sizeof(std::uint32_t)) + reply_bytes;
  bytes += bytes % 2;

  char* const start = room_for(bytes);
  char* p = put(start, hash);
  p = put(p, fingerprint);
  p = put(p, static_cast<std::uint8_t>(form | (voided ? flag_voided : 0) |
                                       (wide ? flag_wide_time : 0)));
  p = wide ? put(p, ms) : put(p, static_cast<std::uint32_t>(since_base));
  if (form <= short_max) {
    std::memcpy(p, reply.data(), form);
  } else if (form == form_plain) {
    p = put(p, static_cast<std::uint32_t>(reply.size()));
    if (!reply.empty()) std::memcpy(p, reply.data(), reply.size());
  } else {
    put(p, static_cast<std::uint32_t>(long_replies_.size()));
    long_replies_.push_back(std::make_shared<const std::string>(reply));
    memory_bytes_ += reply.size() + sizeof(std::string);
  }
  const std::uint64_t offset = end_;
  HF_ASSERT(offset + bytes <= bytes_max);
  end_ += bytes;
  return static_cast<Ref>(offset / 2);
}

Entry Entries::read_at(std::uint64_t offset, std::uint64_t& end) const {
  const char* const start = at(offset);
  const auto head = static_cast<std::uint8_t>(start[head_at]);
  Entry entry;
  entry.hash = get<Hash128>(start);
  entry.fingerprint = get<std::uint64_t>(start + sizeof(Hash128));
  entry.voided = (head & flag_voided) != 0;
  const char* p = start + time_at;
  if ((head & flag_wide_time) != 0) {
    entry.first_applied = instant_from_ms(get<std::int64_t>(p));
    p += sizeof(std::int64_t);
  } else {
    entry.first_applied = instant_from_ms(base_ms_ + get<std::uint32_t>(p));
    p += sizeof(std::uint32_t);
  }
  const std::uint8_t form = head & form_mask;
  if (form <= short_max) {
    entry.crlf_follows = true;
    entry.stored_reply = {p, form};
    p += form;
  } else {
    const auto number = get<std::uint32_t>(p);
    p += sizeof(number);
    if (form == form_plain) {
      entry.stored_reply = {p, number};
      p += number;
    } else {
      entry.stored_reply = *long_replies_[number];
    }
  }
  end = offset + static_cast<std::uint64_t>(p - start);
  end += end % 2;
  return entry;
}

}  // namespace holdfast::dedup
