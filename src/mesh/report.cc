// SPDX-License-Identifier: Apache-2.0
#include "mesh/report.h"

#include <algorithm>

#include "base/limits.h"
#include "base/wire.h"

namespace holdfast::mesh {
namespace {

// Beside the members' there are those that have ended: one with each power cut.
constexpr std::size_t origins_max = 4'096;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::member_id_bytes_max;
}

}  // namespace

std::string encode(const Report& report) {
  std::string out;
  wire::put_u64(out, report.sent);
  wire::put_u64(out, report.echoed);
  report.merged.encode(out);
  wire::put_varint(out, report.hears.size());
  for (const eventual::OriginId origin : report.hears) wire::put_u64(out, origin.value);
  wire::put_varint(out, report.holdings.size());
  for (const Holding& holding : report.holdings) {
    wire::put_bytes(out, holding.node);
    wire::put_u64(out, holding.origin.value);
    holding.disk.encode(out);
    wire::put_u64(out, holding.view.value);
    wire::put_u64(out, holding.clock.value);
    holding.let_go.encode(out);
  }
  wire::put_varint(out, report.ended.size());
  for (const eventual::OriginId origin : report.ended) wire::put_u64(out, origin.value);
  report.trimmed.encode(out);
  return out;
}

Result<Report> decode_report(std::string_view bytes) {
  wire::Reader in(bytes);
  Report report;
  bool sound = true;
  report.sent = in.u64();
  report.echoed = in.u64();
  report.merged = eventual::VersionVector::decode(in);
  const std::uint64_t hears = in.varint();
  sound = sound && hears <= origins_max;
  for (std::uint64_t i = 0; i < hears && sound && in.ok(); ++i) report.hears.push_back({in.u64()});
  const std::uint64_t holdings = in.varint();
  sound = sound && holdings >= 1 && holdings <= limits::members_max;
  for (std::uint64_t i = 0; i < holdings && sound && in.ok(); ++i) {
    Holding& holding = report.holdings.emplace_back();
    holding.node = in.bytes();
    holding.origin.value = in.u64();
    holding.disk = eventual::VersionVector::decode(in);
    holding.view.value = in.u64();
    holding.clock.value = in.u64();
    holding.let_go = eventual::VersionVector::decode(in);
    sound = is_name(holding.node) && holding.origin.value != 0;
  }
  const std::uint64_t ended = in.varint();
  sound = sound && ended <= origins_max;
  for (std::uint64_t i = 0; i < ended && sound && in.ok(); ++i) {
    report.ended.push_back({in.u64()});
    sound = report.ended.back().value != 0;
  }
  report.trimmed = eventual::VersionVector::decode(in);
  sound = sound && std::ranges::is_sorted(report.hears);
  if (!sound || !in.ok() || !in.at_end()) return fail(Code::corrupt, "a malformed report");
  return report;
}

}  // namespace holdfast::mesh
