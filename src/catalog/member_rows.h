// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/members.h"
#include "command/row.h"

namespace holdfast {

/// NODE LIST, INFO, REMOVE, HELP, and what nodes say of themselves in the log.
std::span<const Row> member_rows();

/// A node's own operation for the log: its row and arguments. The arguments
/// are views of `texts`.
struct MemberOperation {
  const Row* row = nullptr;
  std::vector<std::string> texts;
  std::vector<std::string_view> args() const { return {texts.begin(), texts.end()}; }
};
MemberOperation join_operation(const Member& member);
MemberOperation report_operation(std::string_view id, const Members::Report& report);

}  // namespace holdfast
