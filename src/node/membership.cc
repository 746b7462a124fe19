// SPDX-License-Identifier: Apache-2.0
#include "node/membership.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"

namespace holdfast::node {
namespace {

constexpr Millis retry_interval{500};

}  // namespace

Membership::Membership(Member self, const Members& members, const strong::Machine& machine,
                       Log& log, Append append)
    : self_(std::move(self)),
      members_(members),
      machine_(machine),
      log_(log),
      append_(std::move(append)) {}

void Membership::on_durable(Position position, std::uint64_t log_bytes) {
  self_.durable = position;
  self_.durable_log_bytes = log_bytes;
}

Members::Report Membership::report() const {
  const strong::Machine::Milestone milestone = machine_.milestone();
  Members::Report report{.durable = self_.durable,
                         .durable_log_bytes = self_.durable_log_bytes,
                         .milestone = milestone.position,
                         .digest = milestone.digest};
  // Its bytes stay: they only say how long the log has become.
  if (held_) report.durable = std::min(report.durable, *held_);
  return report;
}

void Membership::turn(Monotonic now) {
  now_ = now;
  if (stop_) return;
  if (std::exchange(changed_, false)) look();
  if (under_way_ || stop_ || now < not_before_ || !log_.writable()) return;
  if (!joined_) return say(join_operation(self_), true);
  const Members::Report report = this->report();
  if (report.durable == said_.durable && report.milestone == said_.milestone) return;
  under_way_ = true;
  append_(report_operation(self_.id, report), [this, report](std::string_view reply) {
    under_way_ = false;
    changed_ = true;
    if (reply.starts_with('-')) {
      not_before_ = now_ + retry_interval;
      return;
    }
    said_ = report;
    // The one whose word lets the log forget sees to it. If it dies here, the next
    // one's word does.
    if (members_.trimmable() > trimmed_) {
      trimmed_ = members_.trimmable();
      log_.trim(trimmed_);
    }
  });
}

void Membership::say(const CatalogOperation& operation, bool join) {
  under_way_ = true;
  append_(operation, [this, join](std::string_view reply) {
    under_way_ = false;
    changed_ = true;
    if (reply.starts_with('-')) {
      not_before_ = now_ + retry_interval;
    } else if (join) {
      joined_ = true;
      said_ = {.durable = self_.durable};
      logging::info("joined the cluster as '{}' at position {}", self_.id,
                    machine_.applied().value);
    }
  });
}

// What the members' words, this node's among them, mean for this node.
void Membership::look() {
  if (joined_ && members_.find(self_.id) == nullptr) {
    stop_ = Stop{.why = "NODE REMOVE has taken this node out of the cluster"};
  } else if (auto why = members_.dissent(self_.id)) {
    stop_ = Stop{.why = std::move(*why), .diverged = true};
  } else if (auto differing = members_.differing(self_.id); differing && *differing != differing_) {
    differing_ = *differing;
    logging::error("{}", differing_);
  }
}

}  // namespace holdfast::node
