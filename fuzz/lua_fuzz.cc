// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "command/table.h"
#include "function/scripts.h"

// Any text as a script and as a library of functions: it is refused, or what it does is the same
// on two nodes, and nothing where it answers an error.
namespace {

using namespace holdfast;  // NOLINT: a program of one file

const CommandTable& commands() {
  static const CommandTable table{string_rows(),     hash_rows(), set_rows(),
                                  sorted_set_rows(), list_rows(), key_rows()};
  return table;
}

/// A keyspace of one node.
class Side {
 public:
  template <typename Run>
  std::string run(const Run& what) {
    std::string out;
    Reply reply(out);
    what(function::Surroundings{.commands = commands(),
                                .table = table_,
                                .now = instant_from_ms(1'000),
                                .seed = 7,
                                .caller = "fuzz",
                                .holds = [](std::string_view key) { return !key.starts_with('o'); },
                                .write = nullptr},
         reply);
    HF_ASSERT(!out.starts_with('-') || table_.size() == 0);
    return out;
  }
  std::uint64_t digest() { return table_.digest(instant_from_ms(1'000)); }

 private:
  std::unique_ptr<Store> store_ = make_memory_store();
  Table table_{KeyspaceId{1}, *store_};
};

void fuzz_script(std::string_view text) {
  const std::vector<std::string_view> args{"EVAL", text, "1", "key", "argument", "2"};
  function::Scripts scripts;
  Side one;
  Side another;
  const auto run = [&](function::Surroundings on, Reply& reply) {
    function::eval(scripts, std::move(on), args, reply);
  };
  HF_ASSERT(one.run(run) == another.run(run));
  HF_ASSERT(one.digest() == another.digest());
}

void fuzz_library(std::string_view text) {
  auto library = function::Library::load(std::string(text));
  if (!library) return;
  const std::string name = (*library)->functions()[0].name;
  function::Functions functions;
  HF_ASSERT(functions.add(*std::move(library), false));
  const std::vector<std::string_view> args{"FCALL", name, "1", "key", "argument", "2"};
  Side one;
  Side another;
  const auto run = [&](function::Surroundings on, Reply& reply) {
    function::call(functions, std::move(on), args, reply);
  };
  HF_ASSERT(one.run(run) == another.run(run));
  HF_ASSERT(one.digest() == another.digest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with("#!lua name")) {
    fuzz_library(text);
  } else {
    fuzz_script(text);
  }
  return 0;
}
