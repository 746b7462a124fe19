// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace holdfast::command {

/// What SORT's BY and GET name for each element: `weight_*` the string at the key that has the
/// element for the star, `user:*->age` a field of the hash there, `#` the element. A view of the
/// argument.
class KeyPattern {
 public:
  explicit KeyPattern(std::string_view text) : key_(text), star_(text.find('*')) {
    if (star_ == std::string_view::npos) return;
    const std::size_t arrow = text.find("->", star_ + 1);
    if (arrow == std::string_view::npos || arrow + 2 == text.size()) return;
    key_ = text.substr(0, arrow);
    field_ = text.substr(arrow + 2);
  }

  bool is_element() const { return key_ == "#"; }
  /// Without a star there is no key for an element.
  bool names_keys() const { return star_ != std::string_view::npos; }
  /// With its star.
  std::string_view key() const { return key_; }
  std::string key_for(std::string_view element) const {
    std::string key(key_.substr(0, star_));
    return key.append(element).append(key_.substr(star_ + 1));
  }
  /// Empty: the key holds a string.
  std::string_view field() const { return field_; }

 private:
  std::string_view key_, field_;
  std::size_t star_;
};

}  // namespace holdfast::command
