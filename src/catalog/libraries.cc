// SPDX-License-Identifier: Apache-2.0
#include "catalog/libraries.h"

#include "base/limits.h"
#include "base/wire.h"

namespace holdfast {
namespace {

constexpr std::uint8_t encoding_version = 1;  // docs/formats/libraries.md

}  // namespace

function::Functions& Libraries::of(KeyspaceId keyspace) {
  std::unique_ptr<function::Functions>& functions = by_keyspace_[keyspace.value];
  if (functions == nullptr) functions = std::make_unique<function::Functions>();
  return *functions;
}

std::size_t Libraries::size() const {
  std::size_t size = 0;
  for (const auto& [keyspace, functions] : by_keyspace_) size += functions->libraries().size();
  return size;
}

std::string Libraries::encode() const {
  std::string out;
  wire::put_u8(out, encoding_version);
  wire::put_varint(out, size());
  for (const auto& [keyspace, functions] : by_keyspace_) {
    for (const auto& [name, library] : functions->libraries()) {
      wire::put_varint(out, keyspace);
      wire::put_bytes(out, library->source());
    }
  }
  return out;
}

Status Libraries::decode(std::string_view bytes) {
  wire::Reader in(bytes);
  if (in.u8() != encoding_version)
    return fail(Code::corrupt, "libraries: a version that this build does not know");
  const std::uint64_t count = in.varint();
  if (count > limits::libraries_max) return fail(Code::corrupt, "libraries: too many");
  Libraries read;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t keyspace = in.varint();
    const std::string_view source = in.bytes();
    if (!in.ok() || keyspace == 0 || keyspace > UINT32_MAX) break;
    auto library = function::Library::load(std::string(source));
    if (!library)
      return fail(Code::corrupt, "libraries: one does not load: " + library.error().message);
    Status added = read.of({static_cast<std::uint32_t>(keyspace)}).add(*std::move(library), false);
    if (!added) return fail(Code::corrupt, "libraries: " + added.error().message);
  }
  if (!in.ok() || !in.at_end() || read.size() != count)
    return fail(Code::corrupt, "libraries: one is malformed, or bytes follow the last one");
  by_keyspace_ = std::move(read.by_keyspace_);
  return {};
}

}  // namespace holdfast
