// SPDX-License-Identifier: Apache-2.0
#include "table/background_thread.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace holdfast {
namespace {

constexpr int background_nice = 10;  // about a tenth of a processor beside a busy thread

}  // namespace

// Linux has a priority for each thread. Without it everything works, so nobody is told where it is
// refused.
void run_in_background() {
  const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  static_cast<void>(::setpriority(PRIO_PROCESS, thread, background_nice));
}

}  // namespace holdfast
