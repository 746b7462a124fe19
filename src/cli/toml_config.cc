// SPDX-License-Identifier: Apache-2.0
#include "cli/toml_config.h"

#include <toml++/toml.h>

#include <sstream>

namespace holdfast::cli {

std::string TomlConfig::to_config(const CLI::App* app, bool, bool, std::string) const {
  std::string text;
  for (const CLI::Option* option : app->get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    text += "# " + option->get_description() + "\n# " + option->get_lnames().front() + " = \"" +
            option->get_default_str() + "\"\n";
  }
  return text;
}

std::vector<CLI::ConfigItem> TomlConfig::from_config(std::istream& input) const {
  std::vector<CLI::ConfigItem> read;
  try {
    const toml::table table = toml::parse(input);
    for (const auto& [key, node] : table) {
      CLI::ConfigItem item;
      item.name = std::string(key.str());
      if (const auto* text = node.as_string()) {
        item.inputs = {text->get()};
      } else if (node.is_value()) {
        std::ostringstream written;
        node.visit([&](const auto& value) { written << value; });
        item.inputs = {written.str()};
      } else {
        throw CLI::ConversionError(item.name + " must be one value", "config");
      }
      read.push_back(std::move(item));
    }
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << "line " << error.source().begin.line << ": " << error.description();
    throw CLI::ConversionError(where.str(), "config");
  }
  return read;
}

}  // namespace holdfast::cli
