// SPDX-License-Identifier: Apache-2.0
#include "lab/places.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace holdfast::lab {

namespace {

constexpr std::string_view clients = "clients";

}  // namespace

Places::Places(std::size_t nodes, std::size_t etcd_members) {
  for (std::size_t i = 1; i <= nodes; ++i) nodes_.push_back(fmt::format("node{}", i));
  for (std::size_t i = 1; i <= etcd_members; ++i) etcd_.push_back(fmt::format("etcd{}", i));
  const auto pairs = [this](const std::vector<std::string>& among) {
    for (std::size_t second = 0; second < among.size(); ++second) {
      for (std::size_t first = 0; first < second; ++first)
        links_.push_back({among[first], among[second]});
    }
  };
  pairs(nodes_);
  for (const std::string& node : nodes_) {
    for (const std::string& member : etcd_) links_.push_back({node, member});
  }
  pairs(etcd_);
  for (const std::string& node : nodes_) links_.push_back({std::string(clients), node});
}

bool Places::is_process(std::string_view name) const {
  return std::ranges::find(nodes_, name) != nodes_.end() ||
         std::ranges::find(etcd_, name) != etcd_.end();
}

const Places::Link* Places::between(std::string_view one, std::string_view other) const {
  const auto found = std::ranges::find_if(links_, [&](const Link& link) {
    return (link.first == one && link.second == other) ||
           (link.first == other && link.second == one);
  });
  return found == links_.end() ? nullptr : &*found;
}

bool Places::is_group(const Link& link, std::string_view name) const {
  const bool of_clients = link.first == clients;
  if (name == "all") return true;
  if (name == clients) return of_clients;
  const bool to_node = std::ranges::find(nodes_, link.second) != nodes_.end();
  const bool from_node = std::ranges::find(nodes_, link.first) != nodes_.end();
  if (name == "mesh") return from_node && to_node;
  if (name == "etcd") return from_node && !to_node;
  return is_process(name) && !of_clients && (link.first == name || link.second == name);
}

Result<std::vector<Places::Piece>> Places::links_of(std::string_view name) const {
  std::vector<Piece> pieces;
  if (const std::size_t at = name.find_first_of("->"); at != std::string_view::npos) {
    const std::string_view from = name.substr(0, at);
    if (const Link* const link = between(from, name.substr(at + 1)))
      pieces.push_back({link->name(), name[at] == '>' ? std::string(from) : std::string()});
  } else {
    for (const Link& link : links_) {
      if (is_group(link, name)) pieces.push_back({link.name(), {}});
    }
  }
  if (!pieces.empty()) return pieces;
  std::vector<std::string> names;
  for (const Link& link : links_) names.push_back(link.name());
  return fail(Code::err,
              fmt::format("no link '{}' here; there are {}, those of {} and their groups mesh, "
                          "etcd, clients and all",
                          name, fmt::join(names, ", "), fmt::join(nodes_, ", ")));
}

}  // namespace holdfast::lab
