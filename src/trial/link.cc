// SPDX-License-Identifier: Apache-2.0
#include "trial/link.h"

#include <algorithm>
#include <utility>

namespace holdfast::trial {

void Pair::close() {
  boost::system::error_code ignored;
  near.close(ignored);
  far.close(ignored);
}

void Link::cut() {
  cut_ = {true, true};
}

void Link::delay(milliseconds fixed, milliseconds jitter) {
  delay_ = fixed;
  jitter_ = jitter;
}

void Link::heal() {
  const bool was_cut = is_cut();
  cut_ = {};
  delay_ = jitter_ = milliseconds(0);
  loss_ = lost_replies_ = 0;
  if (!was_cut) return;
  for (const auto& weak : std::exchange(pairs_, {})) {
    if (const auto pair = weak.lock()) pair->close();
  }
}

bool Link::is_whole() const {
  return !is_cut() && delay_.count() == 0 && jitter_.count() == 0 && loss_ == 0 &&
         lost_replies_ == 0;
}

void Link::carry(const std::shared_ptr<Pair>& pair) {
  std::erase_if(pairs_, [](const auto& weak) { return weak.expired(); });
  pairs_.push_back(pair);
}

void Link::passed(Way way, std::size_t bytes) {
  traffic_[index(way)].bytes += bytes;
  ++traffic_[index(way)].pieces;
}

bool Link::chance(double share) {
  return share > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < share;
}

std::optional<milliseconds> Link::passage() {
  milliseconds takes = delay_;
  if (jitter_.count() > 0)
    takes +=
        milliseconds(std::uniform_int_distribution<milliseconds::rep>(0, jitter_.count())(random_));
  milliseconds stall = first_stall;
  for (unsigned losses = 0; chance(loss_); stall *= 2) {
    if (++losses == losses_in_a_row_max) return std::nullopt;
    takes += stall;
  }
  return takes;
}

bool Link::loses_this_reply() {
  return chance(lost_replies_);
}

}  // namespace holdfast::trial
