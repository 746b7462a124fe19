// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace holdfast {

/// Memory for what is read at random places of something large: on huge pages,
/// where the kernel has them on request (transparent_hugepage/enabled: madvise or
/// always). A read then waits for one line of memory and not for the page table
/// as well, which under a hypervisor costs more than the line.
/// Aborts when there is no memory, as operator new without exceptions would. Any
/// thread.
void* allocate_scattered(std::size_t bytes, std::size_t alignment);
/// Frees it, with what it was allocated by.
void free_scattered(void* memory, std::size_t bytes, std::size_t alignment);

}  // namespace holdfast
