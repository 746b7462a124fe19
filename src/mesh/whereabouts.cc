// SPDX-License-Identifier: Apache-2.0
#include "mesh/whereabouts.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "base/wire.h"
#include "mesh/hello.h"

namespace holdfast::mesh {
namespace {

constexpr std::uint8_t encoding_version = 1;

}  // namespace

Whereabouts::Whereabouts(std::string self, std::vector<std::string> listed)
    : self_(std::move(self)) {
  for (std::string& address : listed) {
    if (std::ranges::find(listed_, address, &Listed::address) == listed_.end())
      listed_.push_back({.address = std::move(address), .node = {}});
  }
}

void Whereabouts::answered(const std::string& dialed, const std::string& node, const Place& place) {
  const auto listed = std::ranges::find(listed_, dialed, &Listed::address);
  if (listed != listed_.end()) {
    Listed now{.address = dialed, .met = true, .node = node, .since = place.since};
    if (!listed->met || listed->node != node || listed->since != place.since) {
      *listed = std::move(now);
      ++changes_;
    }
  }
  told(node, place);
}

void Whereabouts::is_self(const std::string& dialed) {
  for (Listed& listed : listed_) {
    if (listed.address != dialed || listed.self) continue;
    listed.met = listed.self = true;
    listed.node = self_;
    ++changes_;
  }
}

void Whereabouts::told(const std::string& node, const Place& place) {
  if (node == self_ || place.address.empty()) return;
  if (!places_.contains(node) && places_.size() >= limits::members_max) return;
  Place& known = places_[node];
  if (place.since < known.since || place == known) return;
  // Of two that were told for one time the greater is as good as the other, and
  // all choose the same.
  if (place.since == known.since && place.address < known.address) return;
  known = place;
  ++changes_;
}

void Whereabouts::told(const Places& places) {
  for (const auto& [node, place] : places) told(node, place);
}

void Whereabouts::forget(const std::string& node) {
  if (places_.erase(node) == 0) return;
  ++changes_;
}

std::vector<std::string> Whereabouts::to_dial() const {
  std::vector<std::string> addresses;
  std::set<std::string_view> reached;
  const auto add = [&addresses](const std::string& address) {
    if (std::ranges::find(addresses, address) == addresses.end()) addresses.push_back(address);
  };
  for (const Listed& listed : listed_) {
    if (listed.self) continue;
    const auto place = places_.find(listed.node);
    const bool there =
        listed.met && (place == places_.end() || place->second.since <= listed.since);
    if (there && !reached.insert(listed.node).second) continue;  // it has two addresses
    add(listed.address);
  }
  for (const auto& [node, place] : places_) {
    if (!reached.contains(node)) add(place.address);
  }
  return addresses;
}

std::vector<std::string> Whereabouts::never_met() const {
  std::vector<std::string> addresses;
  for (const Listed& listed : listed_) {
    if (listed.node.empty()) addresses.push_back(listed.address);
  }
  return addresses;
}

std::string Whereabouts::met_at(std::string_view listed) const {
  const auto found = std::ranges::find(listed_, listed, &Listed::address);
  return found == listed_.end() ? std::string() : found->node;
}

std::string Whereabouts::address_of(std::string_view node) const {
  const auto place = places_.find(node);
  return place == places_.end() ? std::string() : place->second.address;
}

namespace {

void put_places(std::string& out, const Whereabouts::Places& places) {
  wire::put_varint(out, places.size());
  for (const auto& [node, place] : places) {
    wire::put_bytes(out, node);
    wire::put_bytes(out, place.address);
    wire::put_u64(out, place.since);
  }
}

bool is_name(std::string_view text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max && printable(text) == text;
}

// Nothing where they are malformed.
std::optional<Whereabouts::Places> read_places(wire::Reader& in) {
  Whereabouts::Places places;
  const std::uint64_t count = in.varint();
  bool sound = count <= limits::members_max;
  for (std::uint64_t i = 0; i < count && sound && in.ok(); ++i) {
    const std::string node(in.bytes());
    Whereabouts::Place place{.address = std::string(in.bytes()), .since = 0};
    place.since = in.u64();
    sound = is_name(node, limits::mesh_name_bytes_max) &&
            is_name(place.address, limits::member_address_bytes_max) &&
            places.emplace(node, std::move(place)).second;
  }
  if (!sound || !in.ok()) return std::nullopt;
  return places;
}

tl::unexpected<Error> malformed() {
  return fail(Code::corrupt, "a malformed list of addresses");
}

}  // namespace

std::string Whereabouts::encode() const {
  std::string out;
  wire::put_u8(out, encoding_version);
  put_places(out, places_);
  wire::put_varint(out, listed_.size());
  for (const Listed& listed : listed_) {
    wire::put_bytes(out, listed.address);
    wire::put_bytes(out, listed.node);
  }
  return out;
}

Status Whereabouts::restore(std::string_view bytes) {
  wire::Reader in(bytes);
  if (in.u8() != encoding_version) return malformed();
  const auto places = read_places(in);
  if (!places) return malformed();
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view address = in.bytes();
    const std::string_view node = in.bytes();
    const auto listed = std::ranges::find(listed_, address, &Listed::address);
    if (listed != listed_.end()) listed->node = node;
  }
  if (!in.ok() || !in.at_end()) return malformed();
  told(*places);
  ++changes_;
  return {};
}

std::string encode(const Whereabouts::Places& places) {
  std::string out;
  put_places(out, places);
  return out;
}

Result<Whereabouts::Places> decode_places(std::string_view bytes) {
  wire::Reader in(bytes);
  auto places = read_places(in);
  if (!places || !in.at_end()) return malformed();
  return *std::move(places);
}

}  // namespace holdfast::mesh
