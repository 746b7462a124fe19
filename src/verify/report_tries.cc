// SPDX-License-Identifier: Apache-2.0
#include "verify/report_tries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <functional>

#include "verify/commands.h"
#include "verify/report_page.h"

namespace holdfast::verify {
namespace {

using Json = nlohmann::ordered_json;

/// From `base` on; the greatest difference where there is none that fits.
Time offset_of(Time time, Time base) {
  Time difference = 0;
  return __builtin_sub_overflow(time, base, &difference) ? INT64_MAX : difference;
}

/// Texts by number, in the order of their first use.
class Table {
 public:
  std::int64_t number_of(const std::string& text) {
    const auto [at, fresh] = numbers_.try_emplace(text, texts_.size());
    if (fresh) texts_.push_back(at->first);
    return static_cast<std::int64_t>(at->second);
  }
  Json take() { return std::move(texts_); }

 private:
  StringMap<std::size_t> numbers_;
  Json texts_ = Json::array();
};

std::string word_text(const std::string& word) {
  const bool plain = !word.empty() && std::none_of(word.begin(), word.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == ';';
  });
  return plain ? word : Json(word).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string commands_text(const Operation& one) {
  std::string text;
  for (const Command& command : one.commands) {
    if (!text.empty()) text += "; ";
    for (std::size_t i = 0; i < command.size(); ++i) {
      if (i > 0) text += ' ';
      text += word_text(command[i]);
      if (text.size() > page_text_bytes_max * 2) break;  // it will be cut
    }
  }
  return shortened(one.multi ? "MULTI " + text : text, page_text_bytes_max);
}

std::string answer_text(const Operation& one) {
  const bool answered =
      one.outcome == Outcome::applied || (one.outcome == Outcome::refused && one.error.empty());
  return shortened(answered ? to_text(one.answer) : one.error, page_text_bytes_max);
}

bool only_reads(const Operation& one) {
  constexpr std::array<std::string_view, 3> more{"SMEMBERS", "SISMEMBER", "SCARD"};
  return std::all_of(one.commands.begin(), one.commands.end(), [&](const Command& command) {
    return is_read(command) || std::find(more.begin(), more.end(), command[0]) != more.end();
  });
}

/// What the page colours by: report.html has the same order.
enum class Look : std::uint8_t { read, write, refused, unknown };

Look look_of(const Operation& one) {
  if (one.outcome == Outcome::refused) return Look::refused;
  if (one.outcome == Outcome::unknown) return Look::unknown;
  return only_reads(one) ? Look::read : Look::write;
}

struct Choice {
  std::vector<std::uint32_t> tries;  // in ascending order
  std::vector<std::uint32_t> keys;
};

/// Named keys whole, then others in an order that has nothing to do with what
/// happened to them, each whole or not at all.
Choice choose(const History& history, const KeyIndex& index, std::size_t tries_max) {
  const auto& keys = index.keys();
  std::vector<std::uint32_t> order(keys.size());
  std::vector<std::size_t> hashes(keys.size());
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    order[i] = i;
    hashes[i] = std::hash<std::string>()(keys[i].name);
  }
  if (history.operations.size() > tries_max) {
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      if (keys[a].named != keys[b].named) return keys[a].named;
      return hashes[a] != hashes[b] ? hashes[a] < hashes[b] : a < b;
    });
  }
  Choice choice;
  std::vector<bool> chosen(history.operations.size());
  std::size_t count = 0;
  const auto take = [&](std::uint32_t key, std::size_t most) {
    choice.keys.push_back(key);
    for (const std::uint32_t one : keys[key].tries) {
      if (chosen[one] || most == 0) continue;
      chosen[one] = true;
      ++count;
      --most;
    }
  };
  for (const std::uint32_t key : order) {
    const auto more =
        static_cast<std::size_t>(std::count_if(keys[key].tries.begin(), keys[key].tries.end(),
                                               [&](std::uint32_t one) { return !chosen[one]; }));
    if (keys[key].named || count + more <= tries_max) take(key, more);
  }
  // None fits: the beginning of one is better than an empty page.
  if (choice.keys.empty() && !order.empty()) take(order.front(), tries_max);
  std::sort(choice.keys.begin(), choice.keys.end());
  for (std::uint32_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) choice.tries.push_back(i);
  }
  return choice;
}

/// What nodes answered about a key when all was over: [[node, text], …].
Json finals_of(const History& history, const std::string& key) {
  Json finals = Json::array();
  for (const Final& final : history.finals) {
    const auto at = final.values.find(key);
    if (at == final.values.end()) continue;
    finals.push_back({final.node, shortened(to_text(at->second), page_text_bytes_max)});
  }
  return finals;
}

Json keys_json(const History& history, const KeyIndex& index, const Choice& choice) {
  constexpr std::uint32_t left_out = UINT32_MAX;
  std::vector<std::uint32_t> places(history.operations.size(), left_out);
  for (std::uint32_t i = 0; i < choice.tries.size(); ++i) places[choice.tries[i]] = i;
  Json keys = Json::array();
  for (const std::uint32_t number : choice.keys) {
    const KeyIndex::Key& key = index.keys()[number];
    Json tries = Json::array();
    for (const std::uint32_t one : key.tries) {
      if (places[one] != left_out) tries.push_back(places[one]);
    }
    Json initial;
    if (const auto at = history.initial.find(key.name); at != history.initial.end()) {
      initial = shortened(to_text(at->second), page_text_bytes_max);
    }
    keys.push_back({{"number", number},
                    {"name", shortened(key.name, page_text_bytes_max)},
                    {"named", key.named},
                    {"all", key.tries.size()},
                    {"initial", std::move(initial)},
                    {"finals", finals_of(history, key.name)},
                    {"tries", std::move(tries)}});
  }
  return keys;
}

}  // namespace

std::string shortened(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  const std::size_t size = text.size();
  std::size_t cut = bytes_max;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  text.resize(cut);
  return text + fmt::format("… ({} bytes)", size);
}

Json tries_json(const History& history, const KeyIndex& index, Time base, std::size_t tries_max) {
  const Choice choice = choose(history, index, tries_max);
  Table clients, nodes, texts;
  Json client = Json::array(), node = Json::array(), start = Json::array(), length = Json::array(),
       look = Json::array(), command = Json::array(), answer = Json::array(), id = Json::array(),
       line = Json::array();
  for (const std::uint32_t number : choice.tries) {
    const Operation& one = history.operations[number];
    client.push_back(clients.number_of(one.client));
    node.push_back(nodes.number_of(one.node));
    start.push_back(offset_of(one.start, base));
    length.push_back(one.end ? offset_of(*one.end, one.start) : -1);
    look.push_back(static_cast<int>(look_of(one)));
    command.push_back(texts.number_of(commands_text(one)));
    answer.push_back(texts.number_of(answer_text(one)));
    id.push_back(one.id.empty() ? -1 : texts.number_of(shortened(one.id, page_text_bytes_max)));
    line.push_back(one.line);
  }
  return {{"all", history.operations.size()},
          {"allKeys", index.keys().size()},
          {"clients", clients.take()},
          {"nodes", nodes.take()},
          {"texts", texts.take()},
          {"client", std::move(client)},
          {"node", std::move(node)},
          {"start", std::move(start)},
          {"length", std::move(length)},
          {"look", std::move(look)},
          {"command", std::move(command)},
          {"answer", std::move(answer)},
          {"id", std::move(id)},
          {"line", std::move(line)},
          {"keys", keys_json(history, index, choice)}};
}

Json faults_json(const History& history, Time base) {
  Json faults = Json::array();
  for (const Fault& fault : history.faults) {
    faults.push_back({shortened(fault.what, page_text_bytes_max), offset_of(fault.start, base),
                      fault.end ? Json(offset_of(*fault.end, base)) : Json()});
  }
  return faults;
}

}  // namespace holdfast::verify
