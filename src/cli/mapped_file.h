// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::cli {

/// A whole file as bytes, mapped, so that its size does not matter. Standard
/// input ("-") is read to its end.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  std::string_view bytes() const { return mapped_ != nullptr ? view_ : read_; }

 private:
  MappedFile() = default;
  static Result<MappedFile> map_or_read(int fd, const std::string& path);
  static Result<MappedFile> read_all(int fd, const std::string& path);

  void* mapped_ = nullptr;
  std::string_view view_;
  std::string read_;  // what cannot be mapped: a pipe, an empty file
};

}  // namespace holdfast::cli
