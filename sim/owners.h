// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/agenda.h"
#include "sim/call.h"

namespace holdfast::sim {

/// Worlds with services. All clients sign in as `everyone`, who owns nothing; now and then as `ann`
/// or `bob`, of whom one owns the keyspace p (strong) and one q (eventual), or as `root`, who gives
/// those to the other, and gives services other tokens. Nobody may read or write what is another's
/// at that time.
///
/// A node that has not heard yet that q has another owner serves the one before: there only who
/// never owned it is refused for certain.
class Owners {
 public:
  static constexpr const char* root = "root";
  static constexpr const char* everyone = "everyone";

  explicit Owners(Random& random) : random_(random) {}

  /// What declares all of it, in this order, as root from the second on.
  static std::vector<verify::Command> declarations();

  Call next();
  /// It wants to be asked soon.
  bool is_urgent() const { return !given_.empty(); }
  bool must_sign_in() const { return !tokens_.empty(); }
  bool has_token_of(const std::string& service) const { return tokens_.contains(service); }
  verify::Command sign_in(const std::string& service) const;
  void sent(const Call& call, verify::Time at);
  /// Empty, or what must never be.
  std::string heard(const Call& call, const verify::Answer& answer, verify::Time sent,
                    verify::Time now);
  /// Likewise of what a key holds when all has ended: whoever wrote it had to own the keyspace.
  std::string check_value(const std::string& key, const std::string& value) const;

  struct Counters {
    std::uint64_t served = 0, refused = 0, given = 0, rotated = 0;
  };
  Counters counters;

 private:
  /// A keyspace given to another: at some time from `began` on, until `ended` if that was heard.
  struct Giving {
    std::string keyspace, owner;
    verify::Time began = 0;
    std::optional<verify::Time> ended;
  };
  struct Write {
    std::string service;
    verify::Time began = 0;
  };

  Call use();
  Call use_what_was_given_away();
  Call give();
  Call rotate();
  /// Whether it may have owned the keyspace at some time between the two.
  bool may_have_owned(const std::string& service, const std::string& keyspace, verify::Time from,
                      verify::Time to) const;

  Random& random_;
  std::uint64_t ids_ = 0;
  std::uint64_t values_ = 0;
  std::map<std::string, std::string> tokens_;
  std::map<std::string, std::map<std::string, Giving>> givings_;  // by keyspace and request id
  std::map<std::string, Write> writes_;                           // by their values
  // Given away a moment ago: whoever asks next may ask a node that has not heard of it.
  std::vector<Giving> given_;
};

}  // namespace holdfast::sim
