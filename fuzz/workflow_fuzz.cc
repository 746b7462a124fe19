// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/limits.h"
#include "workflow/definition.h"
#include "workflow/progress.h"
#include "workflow/run.h"

// The first byte says what the rest is: a run as it is stored, or a definition, whose run then
// meets outcomes drawn from the definition's own bytes: it ends, and is stored and read unchanged
// between.
namespace {

using namespace holdfast;            // NOLINT: a program of one file
using namespace holdfast::workflow;  // NOLINT: likewise

void read_run(std::string_view bytes) {
  const auto run = Run::decode(bytes);
  if (!run) return;
  const auto again = Run::decode(run->encode());
  HF_ASSERT(again && again->encode() == run->encode());
}

void drive(const Definition& definition, std::string_view chance) {
  Run run;
  run.id = "r";
  run.input = R"({"a": 1, "list": [1, "two"]})";
  Instant now = instant_from_ms(1'000);
  std::size_t at = 0;
  const auto draw = [&] { return static_cast<unsigned char>(chance[at++ % chance.size()]); };
  Progress(definition, run, now, 7).begin();
  // Each attempt of each step and undo, and each wait, is one turn at most.
  const std::size_t turns =
      2 * definition.steps.size() * (limits::workflow_attempts_max + std::size_t{2});
  for (std::size_t turn = 0; turn <= turns && !has_ended(run.state); ++turn) {
    run = *Run::decode(run.encode());
    Progress progress(definition, run, now, draw());
    const auto due = progress.due();
    if (due.empty()) {
      const auto next = progress.next();
      if (!next) {
        progress.cancel();  // it waits for a signal
      } else {
        now = std::max(now, *next);
        Progress(definition, run, now, 7).pass_time();
      }
      continue;
    }
    const Ending endings[] = {Ending::succeeded, Ending::refused, Ending::unavailable,
                              Ending::unknown, Ending::unsendable};
    const Ending ending = endings[draw() % std::size(endings)];
    static_cast<void>(progress.request_of(due[0]));  // what is due can be sent
    HF_ASSERT(progress.settle(due[0],
                              {.ending = ending, .result = R"({"status": 200})", .error = "ERR"}));
  }
  HF_ASSERT(has_ended(run.state));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'r') {
    read_run(rest);
  } else if (const auto definition = Definition::parse(rest)) {
    drive(*definition, rest);
  }
  return 0;
}
