// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/string_hash.h"
#include "function/functions.h"

namespace holdfast::function {

/// EVAL's scripts, compiled, by their texts. A cache: what it holds makes no difference to what a
/// call comes to.
class Scripts {
 public:
  /// kErr: it is no script. The reference holds until the next call.
  Result<const Library*> compiled(std::string_view text);

 private:
  StringMap<std::shared_ptr<const Library>> by_text_;
};

/// The texts that EVALSHA may mean on this node: those that EVAL and SCRIPT LOAD gave it.
class ScriptTexts {
 public:
  /// Its name: SHA-1 in lower case hexadecimal digits. Bounded: over limits::script_texts_bytes_max
  /// all that were there before are forgotten.
  std::string remember(std::string_view text);
  /// In any case; nothing where none of the name is remembered.
  const std::string* find(std::string_view name) const;
  void clear();

 private:
  StringMap<std::string> by_name_;
  std::size_t bytes_ = 0;
};

/// EVAL and EVAL_RO: as call(), for a script in place of a function's name.
void eval(Scripts& scripts, Surroundings surroundings, Args args, Reply& reply);

/// EVAL, EVALSHA and their _RO.
std::span<const Row> script_rows();

}  // namespace holdfast::function
