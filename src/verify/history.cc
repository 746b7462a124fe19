// SPDX-License-Identifier: Apache-2.0
#include "verify/history.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

namespace holdfast::verify {
namespace {

using nlohmann::json;

tl::unexpected<Error> wrong(std::string what) {
  return fail(Code::corrupt, std::move(what));
}

Result<Time> time_of(const json& value) {
  // Larger unsigned numbers do not fit and must not wrap around.
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<std::uint64_t>() > history_time_max)) {
    return wrong("a time is an integer of at most 62 bits");
  }
  const auto time = value.get<Time>();
  if (time < -history_time_max) return wrong("a time is an integer of at most 62 bits");
  return time;
}

Result<std::string> text_of(const json& value, const char* what) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  return wrong(fmt::format("{} is a string or an integer", what));
}

Result<Answer> answer_of(const json& value, int depth = 0) {
  if (depth > history_answer_depth_max) return wrong("a reply is nested too deep");
  switch (value.type()) {
    case json::value_t::null:
      return Answer{};
    case json::value_t::string:
      return Answer::of(value.get_ref<const std::string&>());
    case json::value_t::number_integer:
      return Answer::of(value.get<std::int64_t>());
    case json::value_t::number_unsigned:
      if (value.get<std::uint64_t>() > std::uint64_t{INT64_MAX}) break;
      return Answer::of(value.get<std::int64_t>());
    case json::value_t::object: {
      const auto error = value.find("error");
      if (value.size() != 1 || error == value.end() || !error->is_string()) break;
      return Answer{Answer::Kind::error, 0, error->get<std::string>(), {}};
    }
    case json::value_t::array: {
      Answer array{Answer::Kind::array, 0, {}, {}};
      array.items.reserve(value.size());
      for (const json& item : value) {
        auto one = answer_of(item, depth + 1);
        if (!one) return one;
        array.items.push_back(*std::move(one));
      }
      return array;
    }
    default:
      break;
  }
  return wrong("a reply is an integer of 64 bits, a string, null, or an array of these");
}

Result<Command> command_of(const json& value) {
  if (!value.is_array() || value.empty()) return wrong("a command is an array that is not empty");
  Command command;
  command.reserve(value.size());
  for (const json& argument : value) {
    auto text = text_of(argument, "an argument");
    if (!text) return tl::unexpected(text.error());
    command.push_back(*std::move(text));
  }
  return command;
}

Status read_commands(const json& line, Operation& operation) {
  const auto one = line.find("command");
  const auto many = line.find("multi");
  if ((one == line.end()) == (many == line.end())) {
    return wrong("an operation has either a command or a multi");
  }
  operation.multi = many != line.end();
  if (!operation.multi) {
    auto command = command_of(*one);
    if (!command) return tl::unexpected(command.error());
    operation.commands.push_back(*std::move(command));
    return {};
  }
  if (!many->is_array() || many->empty()) return wrong("a multi is an array that is not empty");
  for (const json& each : *many) {
    auto command = command_of(each);
    if (!command) return tl::unexpected(command.error());
    operation.commands.push_back(*std::move(command));
  }
  return {};
}

Status read_answer(const json& line, Operation& operation) {
  if (const auto end = line.find("end"); end != line.end() && !end->is_null()) {
    const auto time = time_of(*end);
    if (!time) return tl::unexpected(time.error());
    if (*time < operation.start) return wrong("the end is before the start");
    operation.end = *time;
  }
  const auto reply = line.find("reply");
  const auto error = line.find("error");
  const bool has_error = error != line.end() && !error->is_null();
  if (reply != line.end() && has_error) return wrong("an operation has a reply or an error");
  if (has_error) {
    if (!error->is_string()) return wrong("an error is a string");
    operation.error = error->get<std::string>();
    operation.outcome = outcome_of(operation.error);
    return {};
  }
  if (reply == line.end()) return {};
  if (!operation.end) return wrong("a reply needs an end");
  auto answer = answer_of(*reply);
  if (!answer) return tl::unexpected(answer.error());
  operation.answer = *std::move(answer);
  const bool watch_failed = operation.multi && operation.answer.kind == Answer::Kind::nil;
  operation.outcome = watch_failed ? Outcome::refused : Outcome::applied;
  return {};
}

Status read_after(const json& line, Operation& operation) {
  const auto after = line.find("after");
  if (after == line.end() || after->is_null()) return {};
  const auto wrong_after = [] { return wrong("an after has a node and a start"); };
  if (!after->is_object() || !after->contains("node") || !after->contains("start"))
    return wrong_after();
  auto node = text_of((*after)["node"], "node");
  const auto start = time_of((*after)["start"]);
  if (!node || !start) return wrong_after();
  operation.after = After{*std::move(node), *start};
  return {};
}

Status read_operation(const json& line, History& history, std::uint64_t number) {
  Operation operation;
  operation.line = number;
  for (const auto& [name, target] :
       {std::pair{"client", &operation.client}, {"node", &operation.node}, {"id", &operation.id}}) {
    const auto field = line.find(name);
    if (field == line.end() || field->is_null()) continue;
    auto text = text_of(*field, name);
    if (!text) return tl::unexpected(text.error());
    *target = *std::move(text);
  }
  const auto start = line.find("start");
  if (start == line.end()) return wrong("an operation needs a start");
  const auto time = time_of(*start);
  if (!time) return tl::unexpected(time.error());
  operation.start = *time;
  if (Status read = read_commands(line, operation); !read) return read;
  if (Status read = read_answer(line, operation); !read) return read;
  if (Status read = read_after(line, operation); !read) return read;
  history.operations.push_back(std::move(operation));
  return {};
}

Result<Answer> value_of(const json& json_value) {
  auto value = answer_of(json_value);
  if (!value) return value;
  bool plain = value->kind != Answer::Kind::error;
  for (const Answer& member : value->items) plain = plain && member.kind == Answer::Kind::text;
  if (!plain) return wrong("a key's value is a string, an integer, null, or an array of members");
  return value;
}

Status read_initial(const json& values, History& history) {
  if (!values.is_object()) return wrong("initial is an object of keys and values");
  for (const auto& [key, json_value] : values.items()) {
    auto value = value_of(json_value);
    if (!value) return tl::unexpected(value.error());
    if (!history.initial.emplace(key, *std::move(value)).second) {
      return wrong(fmt::format("a second initial value of {}", key));
    }
  }
  return {};
}

Status read_final(const json& line, History& history, std::uint64_t number) {
  const json& values = line["final"];
  if (!values.is_object()) return wrong("final is an object of keys and values");
  Final final;
  final.line = number;
  if (const auto node = line.find("node"); node != line.end() && !node->is_null()) {
    auto text = text_of(*node, "node");
    if (!text) return tl::unexpected(text.error());
    final.node = *std::move(text);
  }
  for (const auto& [key, json_value] : values.items()) {
    auto value = value_of(json_value);
    if (!value) return tl::unexpected(value.error());
    final.values.emplace(key, *std::move(value));
  }
  history.finals.push_back(std::move(final));
  return {};
}

Status read_fault(const json& line, History& history) {
  Fault fault;
  fault.outage = line.contains("outage");
  const json& what = line[fault.outage ? "outage" : "fault"];
  if (!what.is_string()) return wrong("a fault is named by a string");
  fault.what = what.get<std::string>();
  const auto start = line.find("start");
  if (start == line.end()) return wrong("a fault needs a start");
  const auto time = time_of(*start);
  if (!time) return tl::unexpected(time.error());
  fault.start = *time;
  if (const auto end = line.find("end"); end != line.end() && !end->is_null()) {
    const auto until = time_of(*end);
    if (!until) return tl::unexpected(until.error());
    if (*until < fault.start) return wrong("the end is before the start");
    fault.end = *until;
  }
  history.faults.push_back(std::move(fault));
  return {};
}

Status read_keyspace(const json& line, History& history) {
  const auto guarantee = line.find("guarantee");
  const bool eventual = guarantee != line.end() && *guarantee == "eventual";
  if (!line["keyspace"].is_string() ||
      (!eventual && (guarantee == line.end() || *guarantee != "strong"))) {
    return wrong("a keyspace has a name, and the guarantee strong or eventual");
  }
  if (eventual) history.eventual.insert(line["keyspace"].get<std::string>());
  return {};
}

std::string quoted(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

Status read_line(std::string_view text, History& history, std::uint64_t number) {
  if (text.size() > history_line_bytes_max) return wrong("the line is too long");
  const json line = json::parse(text.begin(), text.end(), nullptr, false);
  if (!line.is_object()) return wrong("no JSON object");
  if (line.contains("fault") || line.contains("outage")) return read_fault(line, history);
  if (line.contains("final")) return read_final(line, history, number);
  if (line.contains("keyspace")) return read_keyspace(line, history);
  if (line.contains("initial")) return read_initial(line["initial"], history);
  return read_operation(line, history, number);
}

}  // namespace

Outcome outcome_of(std::string_view error) {
  return error.substr(0, error.find(' ')) == row_of(Code::unknown).resp ? Outcome::unknown
                                                                        : Outcome::refused;
}

std::string_view keyspace_of(std::string_view key) {
  const std::size_t colon = key.find(':');
  return colon == key.npos ? "default" : key.substr(0, colon);
}

std::string to_text(const Answer& answer) {
  switch (answer.kind) {
    case Answer::Kind::nil:
      return "nil";
    case Answer::Kind::integer:
      return std::to_string(answer.integer);
    case Answer::Kind::text:
      return quoted(answer.text);
    case Answer::Kind::error:
      return "error " + quoted(answer.text);
    case Answer::Kind::array:
      break;
  }
  std::vector<std::string> items;
  items.reserve(answer.items.size());
  for (const Answer& item : answer.items) items.push_back(to_text(item));
  return fmt::format("[{}]", fmt::join(items, ", "));
}

std::string to_text(const Operation& operation) {
  std::vector<std::string> commands;
  for (const Command& command : operation.commands) {
    commands.push_back(fmt::format("{}", fmt::join(command, " ")));
  }
  std::string text = fmt::format("client {}: {}", operation.client, fmt::join(commands, "; "));
  if (operation.outcome == Outcome::applied) {
    text += " -> " + to_text(operation.answer);
  } else {
    text += operation.outcome == Outcome::unknown ? " (outcome unknown)" : " (refused)";
  }
  text += fmt::format("  [{}, {}]", operation.start,
                      operation.end ? std::to_string(*operation.end) : "no answer");
  if (!operation.node.empty()) text += fmt::format(" at {}", operation.node);
  if (!operation.id.empty()) text += fmt::format(" id {}", operation.id);
  if (operation.line > 0) text += fmt::format(" line {}", operation.line);
  return text;
}

Status read_history(std::string_view text, History& history) {
  std::uint64_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (Status read = read_line(line, history, number); !read) {
      return wrong(fmt::format("line {}: {}", number, read.error().message));
    }
  }
  return {};
}

}  // namespace holdfast::verify
