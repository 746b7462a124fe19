// SPDX-License-Identifier: Apache-2.0
#include "node/explain_reply.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::node {
namespace {

using eventual::Dot;
using eventual::ElementKind;
using eventual::Explanation;
using eventual::Saying;
using Effect = Explanation::Effect;
using Origin = ExplainReply::Origin;
using NamedId = ExplainReply::NamedId;

constexpr std::string_view stable_note =
    "what every node has: of whom it came, when, and which tries of a request id were merged in it "
    "is no longer kept";
constexpr std::string_view strong_note =
    "there is one order of all changes, the log's: this is what it comes to at `position`, the "
    "same "
    "on every node";

/// A map whose fields are counted as they are written.
class Map {
 public:
  Reply& field(std::string_view name) {
    ++fields_;
    reply_.bulk(name);
    return reply_;
  }
  /// More of the last field, which is an array.
  Reply& field_part() { return reply_; }
  void text(std::string_view name, std::string_view text) { field(name).bulk(text); }
  void number(std::string_view name, std::int64_t number) { field(name).integer(number); }
  void count(std::string_view name, std::uint64_t number) {
    this->number(name, static_cast<std::int64_t>(number));
  }
  void boolean(std::string_view name, bool value) { field(name).boolean(value); }
  void time(std::string_view name, const std::optional<Instant>& at) {
    at ? field(name).integer(to_ms(*at)) : field(name).null();
  }
  void write(Reply& to) const {
    to.map(fields_);
    to.buffer().append(bytes_);
  }

 private:
  std::size_t fields_ = 0;
  std::string bytes_;
  Reply reply_{bytes_};
};

std::string quoted(std::string_view text, std::size_t whole_bytes) {
  return fmt::format("\"{}\"{}", text, text.size() < whole_bytes ? "…" : "");
}

std::string what_of(const Effect& effect) {
  switch (effect.what) {
    case Effect::What::put:
      return "set " + quoted(effect.text, effect.text_bytes);
    case Effect::What::add:
      return effect.kind == ElementKind::member ? "add" : fmt::format("add {}", effect.number);
    case Effect::What::remove:
      return "remove";
    case Effect::What::clear:
      return "remove all";
    case Effect::What::expire:
      return effect.number == eventual::expiry_never ? "never expire"
                                                     : fmt::format("expire at {}", effect.number);
  }
  return {};
}

std::string clock_of(HybridTime time) {
  return fmt::format("{}.{}", time.value >> 16, time.value & 0xFFFF);
}

void tell_value(Map& map, const Saying& says) {
  map.text("type", says.type ? type_name(*says.type) : "none");
  says.type ? map.field("value").bulk(says.value) : map.field("value").null();
  map.count("size", says.size);
  map.time("expires-at-ms", says.expiry);
  map.text("digest", fmt::format("{:016x}", says.digest));
}

class Teller {
 public:
  Teller(std::span<const Origin> origins, std::span<const NamedId> ids)
      : origins_(origins), ids_(ids) {}

  void origins(Reply& reply, const Explanation& explanation) const {
    reply.array(origins_.size());
    for (const Origin& origin : origins_) {
      const auto found = explanation.origins.find(origin.origin);
      static const Explanation::Origin nothing;
      const auto& told = found == explanation.origins.end() ? nothing : found->second;
      Map map;
      map.text("origin", origin.name);
      map.text("incarnation", fmt::format_int(origin.origin.value).str());
      map.count("position", origin.position);
      map.count("stable-position", origin.stable_position);
      told.latest == HybridTime{} ? map.field("clock").null()
                                  : map.field("clock").bulk(clock_of(told.latest));
      told.has_sum ? map.field("sum").integer(told.sum) : map.field("sum").null();
      map.field("effects").array(told.effects.size());
      for (const Effect& one : told.effects) effect(map.field_part(), one);
      map.count("effects-left-out", told.left_out);
      map.write(reply);
    }
  }

  void ids(Reply& reply, const Explanation& explanation) const {
    reply.array(explanation.ids.size());
    for (const Explanation::Id& told : explanation.ids) {
      Map map;
      map.text("id", text_of(told.id));
      map.field("merged-from").array(told.tries.size());
      for (const Dot dot : told.tries) map.field_part().bulk(name_of(dot.origin));
      map.text("counted-from", name_of(told.counted.origin));
      map.count("suppressed", told.tries.size() - 1);
      map.boolean("answered-differently", told.replies_differ);
      map.write(reply);
    }
  }

 private:
  void effect(Reply& reply, const Effect& effect) const {
    Map map;
    map.text("what", what_of(effect));
    if (effect.kind == ElementKind::field) map.text("field", effect.element);
    if (effect.kind == ElementKind::member || effect.kind == ElementKind::score)
      map.text("member", effect.element);
    effect.id ? map.field("id").bulk(text_of(*effect.id)) : map.field("id").null();
    map.number("at-ms", to_ms(effect.time.wall()));
    map.text("clock", clock_of(effect.time));
    map.count("position", effect.dot.sequence);
    map.boolean("removes-what-it-saw", effect.clears);
    map.boolean("covered", effect.covered);
    map.boolean("counts", effect.counts);
    map.write(reply);
  }

  std::string name_of(eventual::OriginId id) const {
    const auto found = std::ranges::find(origins_, id, &Origin::origin);
    return found == origins_.end() ? fmt::format("ended:{}", id.value) : found->name;
  }

  std::string text_of(const IdKey& id) const {
    const auto found = std::ranges::find(ids_, id, &NamedId::id);
    if (found != ids_.end()) return std::string(found->text);
    return fmt::format("hash:{:016x}{:016x}", id.hash.high, id.hash.low);
  }

  std::span<const Origin> origins_;
  std::span<const NamedId> ids_;
};

void tell_element(Reply& reply, const Explanation::Folded& folded) {
  Map map;
  map.text(folded.kind == ElementKind::field ? "field" : "member", folded.element);
  if (folded.kind != ElementKind::member) {
    if (folded.has_put) map.text("value", quoted(folded.text, folded.text_bytes));
    if (folded.has_sum) map.number("sum", folded.number);
  }
  map.boolean("covered", folded.covered);
  map.boolean("counts", folded.put_counts || folded.sum_counts);
  map.write(reply);
}

void tell_elements(Map& map, std::string_view name, const Explanation& explanation,
                   ElementKind kind) {
  std::size_t count = 0;
  for (const auto& folded : explanation.stable) count += folded.kind == kind ? 1 : 0;
  if (count == 0) return;
  map.field(name).array(count);
  for (const auto& folded : explanation.stable) {
    if (folded.kind == kind) tell_element(map.field_part(), folded);
  }
}

void tell_stable(Reply& reply, const Explanation& explanation) {
  Map map;
  for (const auto& folded : explanation.stable) {
    if (folded.kind == ElementKind::string) {
      if (folded.has_put) map.text("value", quoted(folded.text, folded.text_bytes));
      if (folded.has_sum) map.number("sum", folded.number);
      map.boolean("covered", folded.covered);
      map.boolean("counts", folded.put_counts || folded.sum_counts);
    } else if (folded.kind == ElementKind::expiry) {
      folded.number == eventual::expiry_never ? map.field("expires-at-ms").null()
                                              : map.field("expires-at-ms").integer(folded.number);
      map.boolean("expiry-counts", folded.put_counts);
    }
  }
  tell_elements(map, "fields", explanation, ElementKind::field);
  tell_elements(map, "members", explanation, ElementKind::member);
  tell_elements(map, "scores", explanation, ElementKind::score);
  map.count("left-out", explanation.stable_left_out);
  map.text("note", stable_note);
  map.write(reply);
}

}  // namespace

void ExplainReply::begin(Reply& reply, std::string_view key, const Saying& says,
                         const Explanation& explanation, std::span<const Origin> origins,
                         std::span<const NamedId> ids) {
  const Teller teller(origins, ids);
  Map map;
  map.text("key", key);
  map.text("guarantee", "eventual");
  tell_value(map, says);
  map.field("hidden-types").array(explanation.hidden.size());
  for (const Type type : explanation.hidden) map.field_part().bulk(type_name(type));
  teller.origins(map.field("origins"), explanation);
  tell_stable(map.field("stable"), explanation);
  teller.ids(map.field("ids"), explanation);
  map.count("ids-left-out", explanation.ids_left_out);
  map.field("replicas");  // to follow
  map.write(reply);
}

void ExplainReply::replicas(Reply& reply, std::span<const Replica> replicas) {
  reply.array(replicas.size());
  for (const Replica& replica : replicas) {
    Map map;
    map.text("node", replica.node);
    map.boolean("answered", replica.answered);
    if (replica.answered) {
      tell_value(map, replica.says);
    } else {
      map.text("why", replica.why);
    }
    replica.behind ? map.field("behind-ms").integer(replica.behind->count())
                   : map.field("behind-ms").null();
    map.write(reply);
  }
}

void ExplainReply::strong(Reply& reply, std::string_view key, const Saying& says,
                          std::uint64_t version, Position position) {
  Map map;
  map.text("key", key);
  map.text("guarantee", "strong");
  tell_value(map, says);
  map.count("version", version);
  map.count("position", position.value);
  map.text("note", strong_note);
  map.write(reply);
}

}  // namespace holdfast::node
