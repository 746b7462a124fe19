// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

struct ZSTD_CCtx_s;

namespace holdfast::mesh {

/// Makes frames' bodies smaller for the way between machines (Zstandard, RFC 8878).
/// At its fastest it costs some hundredths of what merging the operations does.
/// One thread.
class Packer {
 public:
  Packer();
  Packer(Packer&&) noexcept;
  Packer& operator=(Packer&&) noexcept;
  ~Packer();

  /// Nothing where it would not become smaller by an eighth.
  std::optional<std::string_view> pack(std::string_view body);

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  std::string packed_;
};

/// kCorrupt: pack() did not make it, or what it was is larger than a frame's body.
Result<std::string> unpack(std::string_view packed);

}  // namespace holdfast::mesh
