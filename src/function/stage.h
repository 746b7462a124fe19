// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "function/arena.h"

namespace holdfast::function {

/// The one place of a process where functions run: memory at an address that is the same in
/// every process of every node, so that whatever depends on where objects lie (Lua walks a
/// table whose keys are tables in the order of their addresses) is the same on all of them.
///
/// What lies there is swapped by copying: a library is loaded onto the empty stage and kept
/// as an image; each call begins from that image. Nothing that a call does outlives it,
/// however it ends, and nothing has to be cleaned up after it. One thread at a time.
class Stage {
 public:
  /// The process' own, made at the first call. Where the address is taken (no
  /// kernel or sanitizer that we know puts anything there) the process ends: it could not
  /// keep step with the others.
  static Stage& of_process();

  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Everything on the stage, and where it began.
  class Image {
   public:
    bool empty() const { return bytes_.empty(); }
    std::size_t size() const { return bytes_.size(); }

   private:
    friend class Stage;
    std::string bytes_;
  };

  /// Empties it.
  Arena& clear();
  /// What lies on it now.
  Image keep() const;
  /// Puts back what was kept. O(image).
  Arena& show(const Image& image);
  Arena& arena() const { return *static_cast<Arena*>(region_); }

 private:
  Stage();

  void* region_;
};

}  // namespace holdfast::function
