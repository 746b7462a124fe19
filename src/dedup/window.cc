// SPDX-License-Identifier: Apache-2.0
#include "dedup/window.h"

#include <algorithm>
#include <bit>

namespace holdfast::dedup {
namespace {
constexpr std::int64_t buckets_per_window = 256;
}

void Window::set_retain(Millis retain) {
  retain_ = std::max(retain, Millis(0));
  const std::int64_t width = std::max<std::int64_t>(retain_.count() / buckets_per_window, 1);
  width_ms_ = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(width)));
  last_used_ = nullptr;
}

Window::Count& Window::bucket_of(std::int64_t ms) {
  const std::int64_t end = ms | (width_ms_ - 1);
  if (last_used_ == nullptr || last_used_end_ != end) {
    last_used_ = &buckets_[end];
    last_used_end_ = end;
  }
  return *last_used_;
}

void Window::add(Instant first_applied, std::uint64_t bytes) {
  Count& bucket = bucket_of(to_ms(first_applied));
  ++bucket.ids;
  bucket.bytes += bytes;
  ++total_.ids;
  total_.bytes += bytes;
}

void Window::expire(Instant now) {
  horizon_ = std::max(horizon_, now - retain_);
  while (!buckets_.empty() && buckets_.begin()->first <= to_ms(horizon_)) {
    const Count& gone = buckets_.begin()->second;
    total_.ids -= gone.ids;
    total_.bytes -= gone.bytes;
    if (last_used_ == &gone) last_used_ = nullptr;
    buckets_.erase(buckets_.begin());
  }
}

void Window::encode(std::string& out) const {
  wire::put_signed(out, to_ms(horizon_));
  wire::put_varint(out, buckets_.size());
  std::int64_t before = 0;
  for (const auto& [end, count] : buckets_) {
    wire::put_signed(out, static_cast<std::int64_t>(static_cast<std::uint64_t>(end) -
                                                    static_cast<std::uint64_t>(before)));
    wire::put_varint(out, count.ids);
    wire::put_varint(out, count.bytes);
    before = end;
  }
}

bool Window::decode(wire::Reader& in) {
  horizon_ = instant_from_ms(in.signed_varint());
  buckets_.clear();
  total_ = {};
  last_used_ = nullptr;
  std::uint64_t end = 0;  // unsigned, so that damaged numbers wrap instead of overflowing
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    end += static_cast<std::uint64_t>(in.signed_varint());
    const Count count{in.varint(), in.varint()};
    const auto last = static_cast<std::int64_t>(end);
    if (!buckets_.empty() && last <= buckets_.rbegin()->first) return false;
    buckets_.emplace(last, count);
    total_.ids += count.ids;
    total_.bytes += count.bytes;
  }
  return in.ok();
}

}  // namespace holdfast::dedup
