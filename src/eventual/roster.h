// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace holdfast::eventual {

/// What a checkpoint has to do with an object: nothing, or it is in a roster of
/// those to write, next time or this time.
enum class Mark : std::uint8_t { clean, dirty, pending };

/// Embedded in what a Roster lists.
struct Listed {
  Mark mark = Mark::clean;
  bool stored = false;  // the store may hold a row of it
  std::uint32_t place = 0;
};

/// An unordered list whose members know their places: O(1) to join and leave.
/// T has a member `listed`.
template <typename T>
class Roster {
 public:
  explicit Roster(Mark mark) : mark_(mark) {}
  bool empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }
  T* back() const { return members_.back(); }
  void add(T* member) {
    HF_ASSERT(member->listed.mark == Mark::clean);
    member->listed.mark = mark_;
    member->listed.place = static_cast<std::uint32_t>(members_.size());
    members_.push_back(member);
  }
  void remove(T* member) {
    HF_ASSERT(member->listed.mark == mark_);
    members_[member->listed.place] = members_.back();
    members_[member->listed.place]->listed.place = member->listed.place;
    members_.pop_back();
    member->listed.mark = Mark::clean;
  }

 private:
  Mark mark_;
  SpillingVector<T*> members_;
};

}  // namespace holdfast::eventual
