// SPDX-License-Identifier: Apache-2.0
// holdfast-sim: runs simulated clusters, a process for each so that one that ends
// badly is known by its seed, and so that each begins with the same memory.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/logging.h"
#include "sim/met.h"
#include "sim/world.h"

#ifdef HOLDFAST_COVERAGE
extern "C" void __gcov_dump();  // gcov.h leaves out that it is C
#endif

namespace holdfast::sim {
namespace {

using Json = nlohmann::json;

constexpr unsigned waiting_factor = 20;

struct Wanted {
  std::uint64_t first = 1;
  std::uint64_t runs = 100;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  unsigned seconds_max = 120;  // of a processor, for one run
  PlanOptions plan;
  bool traced = false;
  bool shrinks = false;
  bool fails_fast = false;
  std::string report;
};

struct Ran {
  std::string failure;
  Json counts = Json::object();
  Json faults = Json::object();
};

struct Child {
  std::uint64_t seed;
  int result;  // descriptors of what it says
  int words;
};

std::string content_of(int descriptor) {
  std::string text;
  char room[4096];
  lseek(descriptor, 0, SEEK_SET);
  for (ssize_t n = 0; (n = read(descriptor, room, sizeof(room))) > 0;)
    text.append(room, static_cast<std::size_t>(n));
  close(descriptor);
  return text;
}

[[noreturn]] void run_here(const Plan& plan, const Wanted& wanted, int result) {
  logging::configure(wanted.traced ? logging::Level::info : logging::Level::error,
                     logging::Format::text);
  // Of a processor: beside other work a run may have to wait for one. What waits for ever
  // takes none, so there is a bound by the clock as well.
  const rlimit most{wanted.seconds_max, RLIM_INFINITY};
  setrlimit(RLIMIT_CPU, &most);
  alarm(waiting_factor * wanted.seconds_max);
  Json said;
  {
    World world(plan, wanted.traced);
    const Findings findings = world.run();
    said["failure"] = findings.failure;
    for (const auto& [name, count] : findings.counts) said["counts"][name] = count;
    for (std::size_t i = 0; i < fault_kinds; ++i)
      said["faults"][std::string(name_of(static_cast<FaultKind>(i)))] = findings.faults[i];
  }
  const std::string text = said.dump();
  [[maybe_unused]] const auto written = write(result, text.data(), text.size());
#ifdef HOLDFAST_COVERAGE
  __gcov_dump();  // _exit() writes no counters
#endif
  _exit(0);
}

std::map<pid_t, Child>& children() {
  static std::map<pid_t, Child> all;
  return all;
}

void begin(const Plan& plan, const Wanted& wanted) {
  Child child{
      .seed = plan.seed, .result = memfd_create("result", 0), .words = memfd_create("words", 0)};
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    if (!wanted.traced) dup2(child.words, STDERR_FILENO);
    run_here(plan, wanted, child.result);
  }
  children().emplace(pid, child);
}

/// The next that has ended.
std::pair<std::uint64_t, Ran> await() {
  int status = 0;
  const pid_t pid = wait(&status);
  const Child child = children().at(pid);
  children().erase(pid);
  const std::string result = content_of(child.result);
  const std::string words = content_of(child.words);
  Ran ran;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !result.empty()) {
    const Json said = Json::parse(result);
    ran.failure = said["failure"];
    ran.counts = said.value("counts", Json::object());
    ran.faults = said.value("faults", Json::object());
  } else if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGXCPU)) {
    ran.failure = "it took too long";
  } else {
    ran.failure =
        fmt::format("it ended with status {:x}: {}", status,
                    words.substr(words.size() - std::min<std::size_t>(words.size(), 2'000)));
  }
  return {child.seed, std::move(ran)};
}

void add(const Json& more, std::map<std::string, std::uint64_t>& to) {
  for (const auto& [name, count] : more.items()) to[name] += count.get<std::uint64_t>();
}

// Fewer than these need not meet all.
constexpr std::uint64_t runs_that_meet_all = 300;

bool fails(const Plan& plan, const Wanted& wanted) {
  begin(plan, wanted);
  return !await().second.failure.empty();
}

/// What, beside the seed, makes a run the same one.
std::string flags_of(const PlanOptions& options) {
  std::string flags = fmt::format("--operations {}", options.operations);
  std::vector<std::string_view> kinds;
  for (const FaultKind kind : options.kinds) kinds.push_back(name_of(kind));
  if (!kinds.empty()) flags += fmt::format(" --kinds {}", fmt::join(kinds, ","));
  if (options.engine) flags += fmt::format(" --engine {}", name_of(*options.engine));
  if (!options.without.empty())
    flags += fmt::format(" --without {}", fmt::join(options.without, ","));
  return flags;
}

/// Leaves out what the failure does not need: faults one at a time, then operations.
void shrink(std::uint64_t seed, Wanted wanted) {
  wanted.traced = false;
  const auto plan = [&] { return plan_of(seed, wanted.plan); };
  const std::size_t faults = plan().faults.size();
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (std::size_t i = 0; i < faults; ++i) {
      if (!wanted.plan.without.insert(i).second) continue;
      if (fails(plan(), wanted)) {
        smaller = true;
      } else {
        wanted.plan.without.erase(i);
      }
    }
  }
  for (std::uint64_t fewer = wanted.plan.operations / 2; fewer >= 10; fewer /= 2) {
    std::swap(wanted.plan.operations, fewer);
    if (fails(plan(), wanted)) continue;
    std::swap(wanted.plan.operations, fewer);
    break;
  }
  fmt::print("the smallest that fails: ./dev sim --seed {} {}\n{}\n", seed, flags_of(wanted.plan),
             to_text(plan()));
}

int run_all(const Wanted& wanted) {
  std::map<std::string, std::uint64_t> counts, faults;
  std::map<std::uint64_t, std::string> failures;
  std::uint64_t next = wanted.first;
  const std::uint64_t end = wanted.first + wanted.runs;
  std::uint64_t done = 0;
  while (done < wanted.runs) {
    if (wanted.fails_fast && !failures.empty()) break;
    while (next < end && children().size() < wanted.jobs)
      begin(plan_of(next++, wanted.plan), wanted);
    const auto [seed, ran] = await();
    ++done;
    add(ran.counts, counts);
    add(ran.faults, faults);
    if (!ran.failure.empty()) {
      failures[seed] = ran.failure;
      fmt::print("seed {} FAILS: {}\n", seed, ran.failure);
    }
    if (isatty(STDOUT_FILENO) != 0 && done % 20 == 0) fmt::print("{} of {}\r", done, wanted.runs);
    std::fflush(stdout);
  }
  for (const auto& [pid, child] : children()) kill(pid, SIGKILL);
  fmt::print("{} runs of {} operations, {} failed\n", done, wanted.plan.operations,
             failures.size());
  fmt::print("faults:");
  for (const auto& [name, count] : faults) fmt::print(" {} {}", name, count);
  fmt::print("\ncounts:");
  for (const auto& [name, count] : counts) fmt::print(" {}: {};", name, count);
  fmt::print("\n");
  if (!wanted.report.empty()) {
    Json report{{"runs", wanted.runs},
                {"operations", wanted.plan.operations},
                {"faults", faults},
                {"counts", counts}};
    for (const auto& [seed, failure] : failures) report["failures"][std::to_string(seed)] = failure;
    std::FILE* const file = std::fopen(wanted.report.c_str(), "w");
    if (file != nullptr) {
      fmt::print(file, "{}\n", report.dump(2));
      std::fclose(file);
    }
  }
  for (const auto& [seed, failure] : failures)
    fmt::print("again, with every step: ./dev sim --seed {} {}\n", seed, flags_of(wanted.plan));
  if (wanted.shrinks && !failures.empty()) shrink(failures.begin()->first, wanted);
  const std::string lacking =
      wanted.runs < runs_that_meet_all || !wanted.plan.kinds.empty() || wanted.plan.engine
          ? ""
          : what_was_not_met(faults, counts);
  if (!lacking.empty()) fmt::print("no run met: {}\n", lacking);
  return failures.empty() && lacking.empty() ? 0 : 1;
}

// Where a table lies decides in which order it is walked: for one seed to be one run,
// memory must lie where it lay before.
void keep_addresses(char** argv) {
  const int now = personality(0xFFFFFFFF);
  if (now == -1 || (now & ADDR_NO_RANDOMIZE) != 0) return;
  if (personality(static_cast<unsigned long>(now) | ADDR_NO_RANDOMIZE) == -1) return;
  execv("/proc/self/exe", argv);
}

int main(int argc, char** argv) {
  keep_addresses(argv);
  Wanted wanted;
  std::uint64_t seed = 0;
  std::vector<std::size_t> without;
  std::vector<std::string> kinds;
  std::string engine;
  CLI::App app{"Runs whole Holdfast clusters in simulation, each decided by its seed"};
  app.add_option("--seed", seed, "one run, with every step shown");
  app.add_option("--first", wanted.first, "the first seed");
  app.add_option("--runs", wanted.runs, "how many seeds");
  app.add_option("--operations", wanted.plan.operations, "of all clients of a run");
  app.add_option("--jobs", wanted.jobs, "runs at once");
  app.add_option("--without", without, "faults to leave out, by number")->delimiter(',');
  app.add_option("--kinds", kinds, "of faults; any")->delimiter(',');
  app.add_option("--engine", engine, "etcd, embedded or none; any");
  app.add_option("--report", wanted.report, "a JSON file to write");
  app.add_option("--seconds-max", wanted.seconds_max, "of a processor that a run may take");
  app.add_flag("--fail-fast", wanted.fails_fast, "end with the first that fails");
  app.add_flag("--shrink", wanted.shrinks, "find the smallest run that still fails");
  CLI11_PARSE(app, argc, argv);
  wanted.plan.without.insert(without.begin(), without.end());
  for (const std::string& name : kinds) {
    const auto kind = kind_named(name);
    if (!kind) return app.exit(CLI::ValidationError("--kinds", "no kind of fault: " + name));
    wanted.plan.kinds.push_back(*kind);
  }
  wanted.plan.engine = engine_named(engine);
  if (!engine.empty() && !wanted.plan.engine)
    return app.exit(CLI::ValidationError("--engine", "no engine: " + engine));
  if (seed != 0) {
    wanted.first = seed;
    wanted.runs = 1;
    wanted.traced = !wanted.shrinks;
  }
  return run_all(wanted);
}

}  // namespace
}  // namespace holdfast::sim

int main(int argc, char** argv) {
  return holdfast::sim::main(argc, argv);
}
