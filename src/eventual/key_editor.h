// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "eventual/open_key.h"
#include "eventual/origin_entry.h"
#include "eventual/stability.h"
#include "table/table.h"

namespace holdfast::eventual {

/// A time before which nothing expires: the table's content, expired or not.
inline constexpr Instant before_all = Instant::min();

/// What is known of an operation's relation to what is already here.
enum class Arrival : std::uint8_t {
  local,      // decided here: it saw everything
  remote,     // merged: nothing here saw it
  replacing,  // a first try that comes after a later one: anything may have seen it
};

/// Changes one open key and keeps the table showing what it evaluates to.
/// Lives for one change; finish() ends it.
class KeyEditor {
 public:
  struct Around {
    Idle& idle;
    /// No operation with a request id is unstable in the keyspace. Then an
    /// operation without one has, on arrival, removed all it ever will.
    bool settles_at_once = false;
    const Stability& stability;
  };
  KeyEditor(OpenKey& key, Table& table, Around around);

  void apply(UnstableOperation& operation, const MergedEffect& effect, std::uint32_t index,
             Arrival arrival);
  /// Takes the operation's items out. Its references to elements are the caller's.
  void retract(const UnstableOperation& operation);
  /// Turns what is stable into base, here or (content) in all elements, and
  /// closes what is plain again.
  void fold(Element& element);
  void finish();

 private:
  struct Write {
    ElementKind kind{};
    std::string_view name;
    Role role{};
    std::int64_t number = 0;
    std::string_view text;
    bool removes = true;  // what it saw of the element; a put of EXPIRE's does not
  };
  void remove_content(UnstableOperation& operation, std::uint32_t index, Arrival arrival);
  void write(const Write& write, UnstableOperation& operation, std::uint32_t index,
             Arrival arrival);
  void show_write(Element& element, const Write& write, Arrival arrival);
  void increment(Element& element, std::int64_t by);
  bool remove_plain(ElementKind kind, std::string_view name);
  Element& hold(ElementKind kind, std::string_view name);
  void touch(Element& element, UnstableOperation& operation);
  void forget_content(const Act& act);
  void settle(Element& element);
  void fold_one(Element& element);
  void try_close(Element& element);
  void displace();
  void restore();

  Value* live(Type type);
  Value& make_live(Type type);
  std::optional<Value> take_live(Type type);
  void discard_live();
  void show(Element& element, const Shown& shown);
  void render(Element& element);
  void render_content();

  OpenKey& key_;
  Table& table_;
  Around around_;
  bool vacant_ = false;  // the table's value was taken, a placeholder is there
  std::optional<Instant> table_expiry_;
};

}  // namespace holdfast::eventual
