// SPDX-License-Identifier: Apache-2.0
#include "lab/broken.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace holdfast::lab {
namespace {

constexpr const char* clients = "clients";

bool is_cut(const LinkState& link) {
  return link.cut_forth && link.cut_back;
}

/// All of whose links to other processes are cut, as far as that says more than the links would.
std::set<std::string> cut_off(const std::vector<LinkState>& links) {
  std::map<std::string, std::pair<std::size_t, std::size_t>> cut_of_all;
  for (const LinkState& link : links) {
    if (link.first == clients) continue;
    for (const std::string& end : {link.first, link.second}) {
      cut_of_all[end].first += is_cut(link) ? 1 : 0;
      ++cut_of_all[end].second;
    }
  }
  std::set<std::string> all;
  for (const auto& [process, counts] : cut_of_all) {
    if (counts.first == counts.second) all.insert(process);
  }
  return all;
}

bool is_of_clients(const LinkState& link) {
  return link.first == clients;
}

bool is_of_mesh(const LinkState& link) {
  return link.first.starts_with("node") && link.second.starts_with("node");
}

bool is_to_etcd(const LinkState& link) {
  return link.first.starts_with("node") && link.second.starts_with("etcd");
}

bool is_of_etcd(const LinkState& link) {
  return link.first.starts_with("etcd");
}

/// Where all links of a kind are named, the kind's name stands for them.
void fold(std::vector<std::string>& names, const std::vector<LinkState>& links,
          bool (*is_of_kind)(const LinkState&), const char* kind) {
  std::vector<std::string> all;
  for (const LinkState& link : links) {
    if (is_of_kind(link)) all.push_back(link.first + "-" + link.second);
  }
  const auto is_named = [&](const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  if (all.size() < 2 || !std::ranges::all_of(all, is_named)) return;
  std::erase_if(names,
                [&](const std::string& name) { return std::ranges::find(all, name) != all.end(); });
  names.insert(names.begin(), kind);
}

void add_links(std::vector<std::string>& told, std::vector<std::string> names,
               std::string_view what, const std::vector<LinkState>& links) {
  fold(names, links, is_of_clients, "all clients' links");
  fold(names, links, is_of_etcd, "all links within etcd");
  fold(names, links, is_to_etcd, "all links to etcd");
  fold(names, links, is_of_mesh, "all links between nodes");
  if (names.empty()) return;
  if (names.size() == 1 && names[0].starts_with("all ")) {
    told.push_back(fmt::format("{} are {}", names[0], what));
    return;
  }
  told.push_back(
      fmt::format("{} {} {}", fmt::join(names, ", "), names.size() == 1 ? "is" : "are", what));
}

}  // namespace

std::vector<std::string> describe_broken(const std::vector<LinkState>& links,
                                         const std::vector<std::string>& paused,
                                         const std::vector<std::string>& stopped) {
  std::vector<std::string> told;
  const std::set<std::string> off = cut_off(links);
  add_links(told, {off.begin(), off.end()}, "cut off", links);
  std::vector<std::string> cut;
  std::map<std::string, std::vector<std::string>> otherwise;
  for (const LinkState& link : links) {
    const std::string name = link.first + "-" + link.second;
    if (is_cut(link)) {
      if (!off.contains(link.first) && !off.contains(link.second)) cut.push_back(name);
      continue;
    }
    if (link.cut_forth) cut.push_back(link.first + ">" + link.second);
    if (link.cut_back) cut.push_back(link.second + ">" + link.first);
    if (link.delay.count() > 0 || link.jitter.count() > 0) {
      const std::string by =
          link.jitter.count() == 0
              ? fmt::format("{} ms", link.delay.count())
              : fmt::format("{} to {} ms", link.delay.count(), (link.delay + link.jitter).count());
      otherwise["slower by " + by + " each way"].push_back(name);
    }
    if (link.loss > 0)
      otherwise[fmt::format("losing {:.0f}% of what passes", link.loss * 100)].push_back(name);
    if (link.lost_replies > 0)
      otherwise[fmt::format("losing {:.0f}% of the replies", link.lost_replies * 100)].push_back(
          name);
  }
  add_links(told, cut, "cut", links);
  for (const auto& [what, names] : otherwise) add_links(told, names, what, links);
  add_links(told, paused, "paused", links);
  add_links(told, stopped, "killed", links);
  return told;
}

}  // namespace holdfast::lab
