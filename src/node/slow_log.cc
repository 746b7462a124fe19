// SPDX-License-Identifier: Apache-2.0
#include "node/slow_log.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::node {

void SlowLog::set_max_len(std::size_t entries) {
  max_len_ = std::min(entries, limits::slow_log_len_max);
  if (entries_.size() > max_len_) entries_.resize(max_len_);
}

SlowLog::Entry& SlowLog::add(Instant at, std::chrono::microseconds took, Args args,
                             ServiceId caller) {
  entries_.push_front({.id = ++last_id_,
                       .at = at,
                       .took = took,
                       .command = cut_command(args),
                       .keyspace = {},
                       .client = {},
                       .client_name = {},
                       .caller = caller});
  while (entries_.size() > max_len_) entries_.pop_back();
  return entries_.front();
}

void SlowLog::name_newest(std::size_t entries, const std::string& client, const std::string& name) {
  for (std::size_t i = 0; i < std::min(entries, entries_.size()); ++i) {
    entries_[i].client = client;
    entries_[i].client_name = name;
  }
}

std::vector<std::string> cut_command(Args args) {
  std::vector<std::string> words;
  for (const std::string_view arg : args) {
    const std::size_t left = args.size() - words.size();
    if (words.size() + 1 == limits::slow_log_args_max && left > 1) {
      words.push_back(fmt::format("... ({} more arguments)", left));
      break;
    }
    std::string& word = words.emplace_back(arg.substr(0, limits::slow_log_arg_bytes_max));
    if (arg.size() > word.size())
      word += fmt::format("... ({} more bytes)", arg.size() - limits::slow_log_arg_bytes_max);
  }
  return words;
}

}  // namespace holdfast::node
