// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace holdfast::cli {

/// Lets CLI11 read its configuration as TOML with toml++: keys are the long
/// flags' names, one level, no tables. An unknown key is an error.
class TomlConfig final : public CLI::Config {
 public:
  std::string to_config(const CLI::App* app, bool default_also, bool write_description,
                        std::string prefix) const override;
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;
};

}  // namespace holdfast::cli
