// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "verify/history.h"
#include "verify/models.h"
#include "verify/narrow.h"

namespace holdfast::verify {

/// A history as the search for an order takes it, and the ways to make it
/// smaller. Each is sound: where some order explains the case, one explains
/// what is left of it. Each says why, of an order L of the whole.
struct Case {
  std::vector<Operation> operations;  // merged, by start; the final reads last
  std::size_t finals = 0;             // so many of the last
  std::map<std::string, Answer> initial;
};

/// Tries of one id become one operation, as check() has it too; an order is
/// one of these. Nothing where the history is invalid.
std::optional<Case> case_of(const History& history);
History history_of(const Case& whole);

/// The component's operations, and no others. L without the operations of
/// other keys is an order of these, since none of them touches those keys.
/// `component` then speaks of what is left: op i is of operation i, as the
/// functions below require.
Case only(const Case& whole, Component& component);

/// What had begun by `time`; what had not ended loses its answer. In L what
/// ended by then, and all that stands before the last of it, began by then: so
/// L up to there is an order, in which the unanswered stand or do not.
/// If a cut fails then so does each later one, of which it is a cut.
Case cut(const Case& whole, Time time);

/// The operations, where it matters not whether they are named, as they are
/// with respect to some keys: L, with each operation's part.
Case narrowed(const Case& whole, const Keys& keys);

/// Without those of the `unwanted` operations that nobody depends on, one after
/// the other. Such a one only looked, and L without it is an order; or nobody
/// else can tell the values it put from those that were there before:
/// - no answer needs such a value, or a thing that is true of it but not of all
///   values (present, zero), so those who look stand in L where the key holds
///   another value, which is there without it too;
/// - what it does depends on no value either, so whoever next changes the key
///   puts the same.
Case without(const Case& whole, const Component& component, const std::vector<bool>& unwanted);

/// Places in the operations where all before had ended before all behind began,
/// and what each key held was certain. L has them in these two parts, with that
/// state between them, so its second part is an order from that state. Certain
/// is what a key's last operation put or saw, if it began when all that changed
/// the key had ended. An operation of unknown outcome counts as ended when one
/// ended that saw a value that only this one can have put; others that might
/// come yet allow no such place behind their start.
/// If what is behind one fails then so does what is behind an earlier one.
std::vector<std::size_t> quiet_places(const Component& component);
Case behind(const Case& whole, const Component& component, std::size_t place);

/// Known operations, but for final reads, whose answers tell what every key held
/// before them. L from such a one on is an order from there. What had ended
/// before it began goes; what overlaps it loses its answer, so that it may stand
/// in that part of L or not. (The later ones need not fail where an earlier one
/// does: other operations lose their answers.)
std::vector<std::size_t> telling_operations(const Case& whole, const Component& component);
Case from_operation(const Case& whole, const Component& component, std::size_t number);

/// Values of a counter that only grows, which known operations found there, in
/// their order; none where the component is no such counter. When the counter
/// first reaches such a value in L, exactly those that found a lower one were
/// before, so what follows is an order from that value. Any of those of unknown
/// outcome can have been before or not; they stay.
/// If what is from one value on fails then so does what is from a lower one.
std::vector<std::int64_t> levels(const Component& component);
Case from_level(const Case& whole, const Component& component, std::int64_t level);

/// Without the increments of unknown outcome that no order has a place for: of
/// a counter that only grows, those larger than what the known ones leave open
/// between its initial and its greatest value. In L they are behind all known
/// operations, and can be left out.
Case without_needless(const Case& whole, const Component& component);

}  // namespace holdfast::verify
