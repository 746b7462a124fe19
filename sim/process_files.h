// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "log/file_system.h"

namespace holdfast::sim {

class Process;

/// A process' way to its host's disk: closed when it is killed, be it in the
/// middle of what it does.
std::unique_ptr<FileSystem> make_process_files(Process& process);

}  // namespace holdfast::sim
