// SPDX-License-Identifier: Apache-2.0
#include "lab/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "lab/words.h"

namespace holdfast::lab {
namespace {

constexpr At worth_telling{100'000};  // of being behind: beats come no closer together

bool is_named(const std::string& node, const std::string& words) {
  const std::size_t at = words.find(node);
  return at != std::string::npos && (at == 0 || words[at - 1] == ' ') &&
         (words[at + node.size()] == ' ' || words[at + node.size()] == ',');
}

bool is_special(std::size_t node, const Phase& phase, const Played& played) {
  return std::ranges::any_of(phase.loads,
                             [&](const LoadPhase& load) {
                               const Counts& counts = load.nodes[node].counts;
                               return counts.refused + counts.unknown > 0;
                             }) ||
         std::ranges::any_of(phase.broken, [&](const std::string& words) {
           return is_named(played.nodes[node], words);
         });
}

/// What nodes were asked for and did, all of a load together.
struct Deeds {
  std::vector<std::string> accepted;
  std::uint64_t refused = 0, unknown = 0, unanswered = 0;
  std::set<std::string> codes;
  At behind{0};
};

void add(Deeds& deeds, const Standing& standing) {
  const Counts& counts = standing.counts;
  const auto unknown = counts.codes.find("UNKNOWN");
  const std::uint64_t told_unknown = unknown == counts.codes.end() ? 0 : unknown->second;
  deeds.refused += counts.refused;
  deeds.unknown += told_unknown;
  deeds.unanswered += counts.unknown - told_unknown;
  deeds.behind = std::max(deeds.behind, standing.behind_for);
  for (const auto& [code, count] : counts.codes) {
    if (code != "UNKNOWN" && code != "NOANSWER" && code != "UNREACHED") deeds.codes.insert(code);
  }
}

/// As the words behind "it" or "they". Empty: they had nothing to do.
std::string words_of(const std::vector<std::size_t>& nodes, const Phase& phase,
                     const Played& played) {
  Deeds deeds;
  bool strong = false;
  for (std::size_t i = 0; i < phase.loads.size(); ++i) {
    std::uint64_t accepted = 0;
    for (const std::size_t node : nodes) {
      const Standing& standing = phase.loads[i].nodes[node];
      accepted += standing.counts.accepted;
      add(deeds, standing);
      strong = strong || (standing.counts.refused > 0 && !played.loads[i].eventual);
    }
    if (accepted > 0) deeds.accepted.push_back(count_of(accepted, played.loads[i].what));
  }
  if (deeds.accepted.empty() && deeds.refused + deeds.unknown + deeds.unanswered == 0 &&
      phase.mended)
    return {};
  std::vector<std::string> told{"accepted " +
                                (deeds.accepted.empty() ? "nothing" : listed(deeds.accepted))};
  if (deeds.refused > 0)
    told.push_back(fmt::format("refused {} ({})",
                               count_of(deeds.refused, strong ? "strong request" : "request"),
                               fmt::join(deeds.codes, ", ")));
  if (deeds.unknown > 0)
    told.push_back(fmt::format("answered UNKNOWN to {}", with_thousands(deeds.unknown)));
  if (deeds.unanswered > 0)
    told.push_back(fmt::format("left {} unanswered", count_of(deeds.unanswered, "request")));
  // Where something was mended it is told how long it took to catch up.
  if (deeds.behind >= worth_telling && !phase.mended)
    told.push_back(fmt::format("{} up to {} behind", nodes.size() == 1 ? "was" : "were",
                               time_of(deeds.behind)));
  return listed(told);
}

std::string state_of(const Phase& phase) {
  if (!phase.mended) return phase.broken.empty() ? "all is whole" : listed(phase.broken);
  At last{0};
  for (const LoadPhase& load : phase.loads) last = std::max(last, load.caught_up.value_or(At(0)));
  const bool all = std::ranges::all_of(
      phase.loads, [](const LoadPhase& load) { return load.caught_up.has_value(); });
  return (phase.broken.empty() ? "healed" : "healed in part, " + listed(phase.broken)) +
         (all ? fmt::format(": after {} every node had all that was acknowledged before",
                            time_of(last))
              : ": not every node has all yet that was acknowledged before");
}

void judge_counts(const LoadEnd& load, Judgement& verdict) {
  const auto wrong = [&](std::string what) { verdict.broken.push_back(std::move(what)); };
  const std::uint64_t least = load.writes.acknowledged, most = least + load.writes.open;
  const Shown* first = nullptr;
  for (const auto& shown : load.shown) {
    if (!shown) {
      wrong("a node did not answer in the end");
      return;
    }
    if (first == nullptr) first = &*shown;
    if (*shown != *first) return wrong("nodes show different values in the end");
  }
  if (first == nullptr) return;
  const auto counted = static_cast<std::uint64_t>(std::max<std::int64_t>(0, first->value));
  if (counted < least)
    wrong(fmt::format("{} acknowledged, {} counted: {} lost", least, counted, least - counted));
  if (counted > most)
    wrong(fmt::format("{} sent, {} counted: {} twice", most, counted, counted - most));
}

std::string counted_words(const LoadEnd& load) {
  const Shown shown = load.shown.empty() || !load.shown.front() ? Shown{} : *load.shown.front();
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(0, shown.value));
  std::string text =
      fmt::format("{} acknowledged, {} counted, none lost, none twice",
                  count_of(load.writes.acknowledged, load.what), with_thousands(value));
  if (load.writes.open > 0) text += fmt::format(" ({} of unknown outcome)", load.writes.open);
  if (load.plain.sent == 0) return text;
  const auto plain = static_cast<std::uint64_t>(std::max<std::int64_t>(0, shown.plain));
  const std::uint64_t sent = load.plain.acknowledged + load.plain.open;
  text = fmt::format("with request ids {} sent in {} tries, {} counted: exact",
                     with_thousands(load.writes.acknowledged + load.writes.open),
                     with_thousands(load.writes.tries), with_thousands(value));
  return text + fmt::format(
                    "; without ids {} sent in {} tries, {} counted{}", with_thousands(sent),
                    with_thousands(load.plain.tries), with_thousands(plain),
                    plain > sent ? fmt::format(": {} too many", with_thousands(plain - sent)) : "");
}

}  // namespace

Judgement judge(const LoadEnd& load) {
  Judgement verdict;
  judge_counts(load, verdict);
  const std::set<std::string> digests(load.digests.begin(), load.digests.end());
  if (digests.size() > 1) verdict.broken.emplace_back("the nodes' digests differ in the end");
  if (load.stale_reads > 0)
    verdict.broken.push_back(fmt::format("{} strong reads missed what had been acknowledged",
                                         with_thousands(load.stale_reads)));
  if (load.unsound_looks > 0)
    verdict.broken.push_back(fmt::format("the sum of all accounts was wrong in {} looks",
                                         with_thousands(load.unsound_looks)));
  verdict.held = verdict.broken.empty();
  if (!verdict.held) {
    verdict.sentence = fmt::format("{}: BROKEN: {}", load.scene, fmt::join(verdict.broken, "; "));
    return verdict;
  }
  verdict.sentence = fmt::format("{}: {}", load.scene, counted_words(load));
  if (!load.eventual)
    verdict.sentence += "; no strong read was stale, and the sum of all accounts never changed";
  if (load.equal_after && load.shown.size() > 1)
    verdict.sentence +=
        fmt::format("; all nodes equal {} after the last write", time_of(*load.equal_after));
  return verdict;
}

bool held(const Played& played) {
  return std::ranges::all_of(played.loads, [](const LoadEnd& load) { return judge(load).held; });
}

std::string sentence_of(const Phase& phase, const Played& played) {
  std::vector<std::size_t> special, others;
  for (std::size_t node = 0; node < played.nodes.size(); ++node)
    (is_special(node, phase, played) ? special : others).push_back(node);
  // Where all are alike in that, they are told of together.
  if (others.empty() && special.size() > 1) std::swap(special, others);
  std::vector<std::string> told;
  std::string begin = state_of(phase);
  // "node3 is cut off: it refused …" rather than its name twice.
  const bool it = special.size() == 1 && phase.broken.size() == 1 && !phase.mended &&
                  is_named(played.nodes[special[0]], phase.broken[0]);
  for (const std::size_t node : special) {
    const std::string words = words_of({node}, phase, played);
    if (!words.empty()) told.push_back((it ? "it" : played.nodes[node]) + " " + words);
  }
  const std::string rest = others.empty() ? std::string() : words_of(others, phase, played);
  const char* const who = others.size() == 1 && special.empty() ? "the node "
                          : special.empty()                     ? "all nodes "
                                                                : "the others ";
  if (!rest.empty()) told.push_back(who + rest);
  if (told.empty()) return begin;
  return fmt::format("{}{} {}", begin, phase.mended ? ";" : ":", fmt::join(told, "; "));
}

std::string verdict_line(const Played& played) {
  std::vector<std::string> told;
  told.reserve(played.phases.size() + played.loads.size());
  for (const Phase& phase : played.phases) {
    if (!phase.broken.empty() || phase.mended) told.push_back(sentence_of(phase, played));
  }
  for (const LoadEnd& load : played.loads) told.push_back(judge(load).sentence);
  return fmt::format("{}.", fmt::join(told, ". "));
}

}  // namespace holdfast::lab
