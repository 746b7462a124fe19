// SPDX-License-Identifier: Apache-2.0
#include "server/wrappers.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "base/request_id.h"

namespace holdfast::server {
namespace {

constexpr std::size_t shown_bytes_max = 128;  // of a command that nobody knows

Error unknown_command(Args args) {
  std::string message = "unknown command '";
  message += args[0].substr(0, shown_bytes_max);
  message += "', with args beginning with: ";
  std::size_t shown = 0;
  for (const std::string_view arg : args.subspan(1)) {
    if (shown >= shown_bytes_max) break;
    const std::string_view part = arg.substr(0, shown_bytes_max - shown);
    message += '\'';
    message += part;
    message += "' ";
    shown += part.size() + 3;
  }
  return {Code::err, std::move(message)};
}

std::string changed_case(std::string_view text, char first, char last, int by) {
  std::string changed(text.substr(0, shown_bytes_max));
  for (char& c : changed) c = c >= first && c <= last ? static_cast<char>(c + by) : c;
  return changed;
}
std::string upper(std::string_view text) {
  return changed_case(text, 'a', 'z', 'A' - 'a');
}
std::string lower(std::string_view text) {
  return changed_case(text, 'A', 'Z', 'a' - 'A');
}

Error unknown_subcommand(Args args) {
  std::string message = "unknown subcommand '";
  message += args[1].substr(0, shown_bytes_max);
  message += "'. Try " + upper(args[0]) + " HELP.";
  return {Code::err, std::move(message)};
}

Status wrap_once(Wrapping& wrapping, Args args) {
  if (!wrapping.request_id.empty()) return fail(Code::err, "ONCE stands twice");
  if (!is_request_id(args[1])) {
    return fail(Code::err, "a request id is 1 to 64 printable ASCII characters without spaces");
  }
  wrapping.request_id = args[1];
  return {};
}

Status set_read_mode(Wrapping& wrapping, ReadMode mode) {
  if (wrapping.read_mode != ReadMode::normal) {
    return fail(Code::err, "of LOCAL and FRESH one may stand, once");
  }
  wrapping.read_mode = mode;
  return {};
}

Status wrap_fresh(Wrapping& wrapping, Args args) {
  if (Status s = set_read_mode(wrapping, ReadMode::fresh); !s) return s;
  std::uint32_t ms = 0;
  const char* const end = args[1].data() + args[1].size();
  const auto [at, error] = std::from_chars(args[1].data(), end, ms);
  if (error != std::errc() || at != end) {
    return fail(Code::err, "FRESH takes a whole number of milliseconds");
  }
  wrapping.fresh_within = Millis(ms);
  return {};
}

Status wrap_after(Wrapping& wrapping, Args args) {
  if (!wrapping.after_token.empty()) return fail(Code::err, "AFTER stands twice");
  if (args[1].empty()) return fail(Code::err, "AFTER takes a token of TOKEN's");
  wrapping.after_token = args[1];
  return {};
}

struct Wrapper {
  std::string_view name;
  std::size_t words;  // its own and its argument
  Status (*apply)(Wrapping&, Args);
};

constexpr Wrapper wrappers[] = {
    {"ONCE", 2, wrap_once},
    {"LOCAL", 1, [](Wrapping& w, Args) { return set_read_mode(w, ReadMode::local); }},
    {"FRESH", 2, wrap_fresh},
    {"AFTER", 2, wrap_after},
};

const Wrapper& wrapper_of(const Row& row) {
  return *std::ranges::find(wrappers, row.name,
                            &Wrapper::name);  // a test holds rows and this equal
}

}  // namespace

std::size_t words_of_wrapper(const Row& row) {
  return wrapper_of(row).words;
}

bool only_reads(const Row& row) {
  switch (row.access) {
    case Access::read:
      return true;
    case Access::ids:
      return (row.flags & flag_write_ids) == 0;
    case Access::catalog:
    case Access::workflow:
      return (row.flags & flag_write_catalog) == 0;
    case Access::function:
      return (row.flags & flag_read_only) != 0;
    default:
      return false;
  }
}

Result<const Row*> look_up(const CommandTable& commands, Args args) {
  const Row* row = commands.find(args[0]);
  // Commands of keys have no subcommands under their own name, and are many.
  const bool may_have_subcommands =
      row == nullptr || (row->access > Access::write && row->access != Access::wrapper);
  if (may_have_subcommands && args.size() > 1) {
    const Row* const own = row;
    row = commands.find(args[0], args[1]);
    const bool other = own != nullptr && row == own && own->access == Access::session;
    if (other && commands.has_subcommands(args[0])) {
      return tl::unexpected(unknown_subcommand(args));
    }
  }
  if (row == nullptr) {
    if (!commands.has_subcommands(args[0])) return tl::unexpected(unknown_command(args));
    if (args.size() > 1) return tl::unexpected(unknown_subcommand(args));
    return fail(Code::err, "wrong number of arguments for '" + lower(args[0]) + "' command");
  }
  if (Status s = check_arity(*row, args); !s) return tl::unexpected(s.error());
  return row;
}

Result<Unwrapped> unwrap(const CommandTable& commands, const Row& first, Args args) {
  Unwrapped command{.row = &first, .args = args, .wrapping = {}};
  while (command.row->access == Access::wrapper) {
    const Wrapper& wrapper = wrapper_of(*command.row);
    if (Status s = wrapper.apply(command.wrapping, command.args); !s) {
      return tl::unexpected(s.error());
    }
    command.args = command.args.subspan(wrapper.words);
    const auto row = look_up(commands, command.args);
    if (!row) return tl::unexpected(row.error());
    command.row = *row;
  }
  return command;
}

Status check_wrapping(Unwrapped& command) {
  const Row& row = *command.row;
  Wrapping& wrapping = command.wrapping;
  const auto refuse = [&](const char* why) {
    return fail(Code::err, std::string(row.name) + " cannot stand here: " + why);
  };
  const bool reads_keys =
      row.access == Access::read || (row.access == Access::function && only_reads(row));
  if (wrapping.read_mode != ReadMode::normal && !reads_keys) {
    return refuse("LOCAL and FRESH take a read of keys");
  }
  if (row.access == Access::session && row.name != "EXEC" && row.name != "WATCH") {
    return refuse("it is about this connection alone");
  }
  if (wrapping.request_id.empty()) return {};
  if (only_reads(row)) {
    wrapping.request_id = {};
    return {};
  }
  const bool once = row.access == Access::write || row.access == Access::catalog ||
                    row.access == Access::message || row.access == Access::function ||
                    row.access == Access::workflow ||
                    (row.access == Access::session && row.name == "EXEC");
  if (!once) return refuse("ONCE takes a command that reads or changes keys or keyspaces, or EXEC");
  return {};
}

}  // namespace holdfast::server
