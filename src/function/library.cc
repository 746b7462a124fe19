// SPDX-License-Identifier: Apache-2.0
#include "function/library.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"
#include "command/parse.h"
#include "function/convert.h"
#include "function/lua_library.h"

namespace holdfast::function {
namespace {

constexpr std::string_view shebang = "#!lua";
constexpr const char* script_function = "script";

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_';
  });
}

bool is_keyspace(std::string_view text) {
  return !text.empty() && text.size() <= limits::keyspace_name_bytes_max &&
         std::ranges::all_of(text, [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
         });
}

std::string passed_text(Passed what) {
  if (what == Passed::memory)
    return fmt::format("the function used more than {} MiB of memory, nothing of it was done",
                       limits::function_memory_bytes_max >> 20U);
  return fmt::format("the function ran more than {} instructions, nothing of it was done",
                     limits::function_work_max);
}

// What was raised: a table with an error, or a text.
void write_raised(lua_State* L, std::string_view function, Reply& reply) {
  if (lua_istable(L, -1)) {
    lua_pushliteral(L, "err");
    lua_rawget(L, -2);
    if (lua_type(L, -1) == LUA_TSTRING) return reply.raw_error(check_string(L, -1));
    lua_pop(L, 1);
  }
  const bool text = lua_type(L, -1) == LUA_TSTRING;
  reply.error({Code::err, fmt::format("function '{}': {}", function,
                                      text ? check_string(L, -1).substr(0, 512)
                                           : "it raised what is no text")});
}

Result<Header> complaint(std::string_view text) {
  return fail(Code::err, std::string(text));
}

struct LoadCall {
  std::string_view body;
  std::string_view name;
  bool script;
};

// Of EVAL's own first line: `#!lua [flags=a,b]`. The rest of the script, its line break first.
Result<std::string_view> read_script_line(std::string_view script, Published& function) {
  if (!script.starts_with("#!")) return script;
  const std::size_t end = std::min(script.find('\n'), script.size());
  std::string_view line = script.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t space = std::min(line.find(' '), line.size());
  if (line.substr(0, space) != shebang)
    return fail(Code::err, "Unexpected engine in script shebang");
  line.remove_prefix(space);
  while (line.starts_with(' ')) line.remove_prefix(1);
  if (!line.empty() && !line.starts_with("flags="))
    return fail(Code::err, fmt::format("Unknown lua shebang option: {}", line));
  function.no_writes = line.find("no-writes") != std::string_view::npos;
  return script.substr(end);
}

// Opens everything, then runs the library's source.
int run_source(lua_State* L) {
  const auto* const call = static_cast<const LoadCall*>(lua_touserdata(L, 1));
  lua_settop(L, 0);
  open_base(L);
  open_string(L);
  open_table(L);
  open_math(L);
  open_json(L);
  open_redis(L);
  const std::string chunk = fmt::format("@{}", call->name);
  if (luaL_loadbuffer(L, call->body.data(), call->body.size(), chunk.c_str()) != 0)
    return lua_error(L);
  if (call->script) {
    lua_getfield(L, LUA_REGISTRYINDEX, registered);
    lua_insert(L, -2);
    lua_setfield(L, -2, script_function);
    lua_settop(L, 0);
  } else {
    lua_call(L, 0, 0);
  }
  lua_gc(L, LUA_GCCOLLECT, 0);
  return 0;
}

struct FunctionCall {
  const Library::Call& call;
  Reply& reply;
  bool script;
};

void push_list(lua_State* L, std::span<const std::string_view> items) {
  lua_createtable(L, static_cast<int>(items.size()), 0);
  for (std::size_t i = 0; i < items.size(); ++i) {
    push_string(L, items[i]);
    lua_rawseti(L, -2, static_cast<int>(i + 1));
  }
}

int run_function(lua_State* L) {
  const auto* const it = static_cast<const FunctionCall*>(lua_touserdata(L, 1));
  lua_settop(L, 0);
  lua_getfield(L, LUA_REGISTRYINDEX, registered);
  push_string(L, it->call.function);
  lua_rawget(L, -2);
  push_list(L, it->call.keys);
  if (it->script) lua_setglobal(L, "KEYS");
  push_list(L, it->call.args);
  if (it->script) lua_setglobal(L, "ARGV");
  if (lua_pcall(L, it->script ? 0 : 2, 1, 0) != 0) {
    write_raised(L, it->call.function, it->reply);
  } else {
    take_reply(L, it->reply);
  }
  return 0;
}

}  // namespace

Result<Header> read_header(std::string_view source) {
  const std::size_t end = source.find('\n');
  if (!source.starts_with("#!") || end == std::string_view::npos)
    return complaint("Missing library metadata");
  std::string_view line = source.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t engine = line.find(' ');
  if (!command::equals_nocase(line.substr(0, engine), "#!LUA"))  // Redis, too, of libraries only
    return complaint(fmt::format("Engine '{}' not found", line.substr(2, engine - 2)));
  Header header{.name = {}, .keyspace = "default", .body = source.substr(end)};
  while (line.find_first_not_of(' ', std::min(engine, line.size())) != std::string_view::npos) {
    const std::size_t begin = line.find_last_of(' ') + 1;
    const std::string_view word = line.substr(begin);
    line = line.substr(0, begin - 1);
    if (word.empty()) continue;
    if (word.starts_with("name=")) {
      if (!header.name.empty())
        return complaint("Invalid metadata value, name argument was given multiple times");
      header.name = word.substr(5);
      if (!is_name(header.name))
        return complaint(
            "Library names can only contain letters, numbers, or underscores(_) and must be "
            "at least one character long");
    } else if (word.starts_with("keyspace=")) {
      header.keyspace = word.substr(9);
      if (!is_keyspace(header.keyspace)) return complaint("keyspace= does not name a keyspace");
    } else {
      return complaint(fmt::format("Invalid metadata value given: {}", word));
    }
  }
  if (header.name.empty()) return complaint("Library name was not given");
  return header;
}

Result<std::shared_ptr<const Library>> Library::load(std::string source) {
  if (source.size() > limits::function_library_bytes_max)
    return fail(Code::err, fmt::format("a library is at most {} bytes long",
                                       limits::function_library_bytes_max));
  Result<Header> header = read_header(source);
  if (!header) return tl::unexpected(std::move(header.error()));
  std::shared_ptr<Library> library(new Library);
  library->name_ = header->name;
  library->keyspace_ = header->keyspace;
  library->source_ = std::move(source);
  return make(std::move(library), header->body);
}

Result<std::shared_ptr<const Library>> Library::compile(std::string_view script) {
  if (script.size() > limits::function_library_bytes_max)
    return fail(Code::err, fmt::format("a script is at most {} bytes long",
                                       limits::function_library_bytes_max));
  std::shared_ptr<Library> library(new Library);
  Published function{.name = script_function, .description = {}, .allowed = {}};
  const Result<std::string_view> body = read_script_line(script, function);
  if (!body) return tl::unexpected(body.error());
  library->name_ = "user_script";
  library->script_ = true;
  library->functions_ = {std::move(function)};
  return make(std::move(library), *body);
}

Result<std::shared_ptr<const Library>> Library::make(std::shared_ptr<Library> library,
                                                     std::string_view body) {
  Stage& stage = Stage::of_process();
  Loading loading;
  Running running(stage.clear(), nullptr, &loading, 0);
  lua_State* const L = running.new_state();
  running.watch(L);
  LoadCall call{body, library->name_, library->script_};
  if (lua_cpcall(L, run_source, &call) != 0) {
    if (running.ended_by() != Passed::nothing)
      return fail(Code::err, passed_text(running.ended_by()));
    const char* const text = lua_tostring(L, -1);
    return fail(Code::err, fmt::format("Error compiling or loading {}: {}",
                                       library->script_ ? "script" : "function",
                                       text != nullptr ? text : "it raised what is no text"));
  }
  if (running.ended_by() != Passed::nothing)
    return fail(Code::err, passed_text(running.ended_by()));
  if (!library->script_) {
    if (loading.functions.empty()) return fail(Code::err, "No functions registered");
    library->functions_ = std::move(loading.functions);
  }
  library->state_ = L;
  library->image_ = stage.keep();
  return library;
}

const Published* Library::find(std::string_view function) const {
  const auto found = std::ranges::find(functions_, function, &Published::name);
  return found == functions_.end() ? nullptr : &*found;
}

void Library::call(const Call& call, Commands& commands, Reply& reply) const {
  Running running(Stage::of_process().show(image_), &commands, nullptr, call.seed, call.work);
  running.caller = call.caller;
  running.watch(state_);
  FunctionCall function{call, reply, script_};
  const int failed = lua_cpcall(state_, run_function, &function);
  if (running.ended_by() != Passed::nothing) {
    reply.clear();
    return reply.error({Code::err, passed_text(running.ended_by())});
  }
  if (failed == 0) return;
  // What it returned could not be written.
  const char* const text = lua_type(state_, -1) == LUA_TSTRING ? lua_tostring(state_, -1) : "?";
  reply.clear();
  reply.error({Code::err, fmt::format("function '{}': {}", call.function, text)});
}

}  // namespace holdfast::function
