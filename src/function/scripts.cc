// SPDX-License-Identifier: Apache-2.0
#include "function/scripts.h"

#include <absl/strings/ascii.h>

#include "base/limits.h"
#include "function/sha1.h"

namespace holdfast::function {
namespace {

constexpr std::string_view only_strong =
    "needs a strong keyspace; in an eventual one a function does it: FUNCTION LOAD, FCALL";
constexpr std::uint32_t script_flags = flag_noscript | flag_script;

constexpr Row row(std::string_view name, std::uint16_t code, std::uint32_t flags,
                  std::string_view syntax, std::string_view summary) {
  return {.name = name,
          .code = code,
          .arity = -3,
          .keys = {0, 0, 0, 2},
          .access = Access::function,
          .flags = script_flags | flags,
          .group = "scripting",
          .since = "0.1",
          .syntax = syntax,
          .summary = summary,
          .complexity = "Depends on the script",
          .on_eventual = only_strong};
}

constexpr std::string_view by_text = "script numkeys [key [key ...]] [arg [arg ...]]";
constexpr std::string_view by_name = "sha1 numkeys [key [key ...]] [arg [arg ...]]";
constexpr Row rows[] = {
    row("EVAL", 502, flag_denyoom, by_text, "Runs a script in the caller's own keyspace"),
    row("EVAL_RO", 503, flag_read_only, by_text, "Runs a script that changes nothing"),
    row("EVALSHA", 0, flag_denyoom | flag_script_by_sha1, by_name,
        "Runs a script that this node has met, by the SHA-1 of its text"),
    row("EVALSHA_RO", 0, flag_read_only | flag_script_by_sha1, by_name,
        "As EVALSHA, for a script that changes nothing"),
};

}  // namespace

Result<const Library*> Scripts::compiled(std::string_view text) {
  if (const auto found = by_text_.find(text); found != by_text_.end()) return found->second.get();
  auto script = Library::compile(text);
  if (!script) return tl::unexpected(std::move(script.error()));
  if (by_text_.size() >= limits::scripts_compiled_max) by_text_.clear();
  return by_text_.emplace(text, *std::move(script)).first->second.get();
}

std::string ScriptTexts::remember(std::string_view text) {
  std::string name = sha1_hex(text);
  if (by_name_.contains(name)) return name;
  if (bytes_ + text.size() > limits::script_texts_bytes_max) clear();
  bytes_ += text.size();
  by_name_.emplace(name, text);
  return name;
}

const std::string* ScriptTexts::find(std::string_view name) const {
  const auto found = by_name_.find(absl::AsciiStrToLower({name.data(), name.size()}));
  return found == by_name_.end() ? nullptr : &found->second;
}

void ScriptTexts::clear() {
  by_name_.clear();
  bytes_ = 0;
}

void eval(Scripts& scripts, Surroundings surroundings, Args args, Reply& reply) {
  const Result<const Library*> script = scripts.compiled(args[1]);
  if (!script) return reply.error(script.error());
  Published whole = (*script)->functions()[0];
  whole.no_writes = whole.no_writes || surroundings.read_only;
  call({**script, whole}, std::move(surroundings), args, reply);
}

std::span<const Row> script_rows() {
  return rows;
}

}  // namespace holdfast::function
