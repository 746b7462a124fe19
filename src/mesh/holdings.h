// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "eventual/clock.h"
#include "mesh/report.h"

namespace holdfast::mesh {

/// Who the members are, and what each is known to have: this node's own word and
/// what reports tell. Members are only ever added, or removed for good, so any
/// two nodes agree once they have heard the same. So they do on which incarnations
/// have ended: whoever knows of one knows those before it to have. Pure. One thread.
class Holdings {
 public:
  /// `former`: this node's earlier incarnations, as far as it knows.
  explicit Holdings(Holding self, std::span<const eventual::OriginId> former = {});

  const Holding& self() const { return known_.at(self_); }
  /// This node's own word: what is on its disk, and its view() when that was all
  /// it had merged.
  void set_self(const eventual::VersionVector& disk, eventual::View view, HybridTime clock);

  /// A node is, or is to be, a member.
  void expect(const std::string& node);
  /// As expect(), of a node that has said what its log's incarnation is: so whoever hears
  /// that this has ended knows that it is out. One that has ended is no member.
  void meet(const std::string& node, eventual::OriginId origin);
  /// A member has lost its data and comes anew, with this incarnation: until it
  /// says otherwise, it has nothing.
  void begins_anew(const std::string& node, eventual::OriginId origin);
  /// Takes a node out for good, its log's incarnation with it. Under its id a node
  /// can come only anew.
  void remove(const std::string& node);
  /// How many members were ever taken out, where something counts them for all nodes alike: of one
  /// that was never heard of here it is all that says that its end is known.
  void set_removals(std::uint64_t removals);
  /// Nothing is taken from it any more, but by way of others.
  bool has_ended(eventual::OriginId origin) const { return ended_.contains(origin); }

  /// Takes in what a report tells. kErr: of more members than there can be.
  Status heard(const Report& report);

  /// By node; this one included.
  const std::map<std::string, Holding, std::less<>>& all() const { return known_; }
  const std::set<eventual::OriginId>& ended() const { return ended_; }
  eventual::View view() const { return view_; }
  /// What logs no longer have, or are about to lose, as far as this node knows.
  const eventual::VersionVector& let_go() const { return self().let_go; }
  void will_let_go(const eventual::VersionVector& all);
  /// Whether a majority of the members has all of that on its disks, and whether it
  /// also knows that it is to be let go of.
  bool majority_has(const eventual::VersionVector& all) const;
  bool majority_lets_go(const eventual::VersionVector& all) const;
  /// What this node's own log may no longer have although some member lacks it.
  const eventual::VersionVector& trimmed() const { return trimmed_; }
  void trim(const eventual::VersionVector& all);

  /// The members' origins, this node's not among them. For a member that was not
  /// heard of yet one that acknowledges nothing.
  std::vector<eventual::OriginId> others() const;

  /// Grows with every change of who the members are and what they have.
  std::uint64_t changes() const { return changes_; }
  /// Of who they are, only.
  std::uint64_t member_changes() const { return member_changes_; }

  /// Who the members are, who has ended, and what was let go of; not what they have.
  /// To be on disk before the log is trimmed of that, and before anything is told that
  /// was counted on it: a node that forgot a member would take for settled what that one
  /// may still contradict.
  std::string encode_members() const;
  /// Adds what encode_members() gave. kCorrupt: it is not that.
  Status add_members(std::string_view bytes);

 private:
  void changed_members();
  bool majority(const std::function<bool(const Holding&)>& does) const;
  void end(eventual::OriginId origin);
  void changed_view();

  std::string self_;
  std::map<std::string, Holding, std::less<>> known_;
  std::set<eventual::OriginId> ended_;
  std::uint64_t removals_ = 0;
  eventual::View view_;
  eventual::VersionVector trimmed_;
  std::uint64_t changes_ = 0;
  std::uint64_t member_changes_ = 0;
};

}  // namespace holdfast::mesh
