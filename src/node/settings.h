// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace holdfast::node {

/// What CONFIG GET and CONFIG SET see: settings of ours that can change while
/// a node runs, those that cannot, and Redis' own parameters, which tools set
/// and read and which mean nothing here. Names are in lower case.
class Settings {
 public:
  using Get = std::function<std::string()>;
  using Set = std::function<Status(std::string_view)>;

  Settings();

  /// A setting with a meaning. Without `set` it is fixed after start.
  void add(std::string name, Get get, Set set = nullptr);

  /// Name and value of all that match any of the glob patterns, by name.
  std::vector<std::pair<std::string, std::string>> get(
      const std::vector<std::string_view>& patterns) const;

  /// Sets all or (an error) none that comes after the failing one; what came
  /// before is put back.
  Status set(const std::vector<std::pair<std::string_view, std::string_view>>& changes);

 private:
  struct Setting {
    Get get;
    Set set;
  };
  Status set_one(std::string_view name, std::string_view value);

  std::map<std::string, Setting, std::less<>> ours_;
  std::map<std::string, std::string, std::less<>> redis_;
};

}  // namespace holdfast::node
