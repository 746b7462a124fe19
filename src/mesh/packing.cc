// SPDX-License-Identifier: Apache-2.0
#include "mesh/packing.h"

#include <zstd.h>

#include "base/assert.h"
#include "base/limits.h"

namespace holdfast::mesh {
namespace {

constexpr int level = 1;
constexpr std::size_t worth_bytes = 256;  // of a body: less is not worth a try

}  // namespace

void Packer::Free::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

Packer::Packer() = default;
Packer::Packer(Packer&&) noexcept = default;
Packer& Packer::operator=(Packer&&) noexcept = default;
Packer::~Packer() = default;

std::optional<std::string_view> Packer::pack(std::string_view body) {
  if (body.size() < worth_bytes) return std::nullopt;
  if (!context_) context_.reset(ZSTD_createCCtx());
  HF_ASSERT(context_ != nullptr);
  packed_.resize(body.size() - body.size() / 8);
  const std::size_t n = ZSTD_compressCCtx(context_.get(), packed_.data(), packed_.size(),
                                          body.data(), body.size(), level);
  if (ZSTD_isError(n) != 0) return std::nullopt;  // there was no room for it
  return std::string_view(packed_).substr(0, n);
}

Result<std::string> unpack(std::string_view packed) {
  const auto malformed = [] { return fail(Code::corrupt, "a frame that cannot be unpacked"); };
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  // Also where it is unknown, or no frame.
  if (size > limits::mesh_frame_bytes_max) return malformed();
  std::string body(static_cast<std::size_t>(size), '\0');
  const std::size_t n = ZSTD_decompress(body.data(), body.size(), packed.data(), packed.size());
  if (ZSTD_isError(n) != 0 || n != body.size()) return malformed();
  return body;
}

}  // namespace holdfast::mesh
