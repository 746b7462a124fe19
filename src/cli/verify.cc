// SPDX-License-Identifier: Apache-2.0
#include "cli/verify.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/text_units.h"
#include "cli/check.h"
#include "cli/load_client.h"
#include "cli/load_report.h"
#include "cli/verdict.h"
#include "trial/trial.h"
#include "verify/history_lines.h"
#include "verify/report_page.h"
#include "verify/shrink.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds plain_line_every{5};

struct Flags {
  trial::Plan plan;
  std::vector<std::string> addresses;
  std::vector<std::string> check;
  std::string duration = "30s";
  std::string patience = "60s";
  std::string etcd = "auto";
  std::string out = "holdfast-verify";
  std::optional<std::uint64_t> seed;
  bool no_faults = false;
  bool keep = false;
  bool json = false;
};

constexpr const char* footer = R"(
Examples:
  holdfast verify                                   three nodes of its own, over etcd where that is installed
  holdfast verify --duration 10m --nodes 5
  holdfast verify --resp n1:7379 --resp n2:7379     your cluster, in two keyspaces of its own
  holdfast verify --resp n1:7379 --resp n2:7379 --break 'ssh n2 systemctl kill -s KILL holdfast' \
    --mend 'ssh n2 systemctl start holdfast'
  holdfast verify --check holdfast-verify/history.jsonl

Exit codes: 0 all is right; 1 a violation; 2 undecided, or too little worked to count; 64 wrong usage.
What is checked, and the history's format: docs/history.md, docs/verify.md.)";

int fail_with(const std::string& message, int code) {
  fmt::print(stderr, "holdfast verify: {}\n", message);
  return code;
}

std::string this_program() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).string();
}

/// How far it is: a line that is drawn over on a terminal, else one now and then.
class Display {
 public:
  explicit Display(const trial::Plan& plan)
      : plan_(plan), terminal_(::isatty(STDERR_FILENO) == 1) {}

  void show(const trial::Progress& progress) {
    const auto since = progress.elapsed - shown_;
    if (!terminal_ && progress.round == round_ && since < plain_line_every) return;
    shown_ = progress.elapsed;
    round_ = progress.round;
    const std::string line =
        fmt::format("{}{} of {} s: {} operations, {} faults{}",
                    plan_.rounds > 1 ? fmt::format("round {}, ", progress.round + 1) : "",
                    progress.elapsed.count() / 1'000, plan_.duration.count(),
                    with_thousands(progress.operations), progress.faults,
                    progress.now_broken.empty() ? "" : ", now " + progress.now_broken);
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", line, terminal_ ? "\x1b[K" : "\n");
    std::fflush(stderr);
  }
  void end() const {
    if (terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  const trial::Plan& plan_;
  std::chrono::milliseconds shown_{0};
  std::size_t round_ = 0;
  bool terminal_;
};

Status complete(Flags& flags) {
  trial::Plan& plan = flags.plan;
  for (const std::string& text : flags.addresses) {
    const auto address = parse_address(text);
    if (!address) return tl::unexpected(address.error());
    plan.nodes.push_back({address->host, address->port});
  }
  const auto duration = parse_duration(flags.duration);
  if (!duration || *duration < std::chrono::seconds(1))
    return fail(Code::err, "--duration is a time of a second or more, such as 30s");
  plan.duration = std::chrono::duration_cast<std::chrono::seconds>(*duration);
  const auto patience = parse_duration(flags.patience);
  if (!patience || *patience < std::chrono::seconds(1))
    return fail(Code::err, "--patience is a time of a second or more, such as 60s");
  plan.patience = std::chrono::duration_cast<std::chrono::seconds>(*patience);
  if (!flags.plan.login.service.empty()) {
    const char* const token = std::getenv("HOLDFAST_TOKEN");
    if (token == nullptr)
      return fail(Code::err, "--service needs its token in the environment, as HOLDFAST_TOKEN");
    plan.login.token = token;
  }
  plan.faults = !flags.no_faults;
  plan.seed = flags.seed ? *flags.seed : std::random_device{}();
  plan.own.program = this_program();
  plan.own.folder = flags.out + "/cluster";
  plan.hooks.log_file = flags.out + "/commands.log";
  if (plan.nodes.empty() && !plan.keyspaces.empty())
    return fail(Code::err, "--keyspace is for a cluster that runs: name its nodes by --resp");
  if (plan.nodes.empty() && !plan.hooks.strike.empty())
    return fail(Code::err, "--break is for a cluster that runs: name its nodes by --resp");
  if (flags.etcd == "auto") {
    plan.own.etcd = trial::find_program("etcd");
  } else if (flags.etcd != "none") {
    plan.own.etcd = flags.etcd;
  }
  return {};
}

/// Judges the rounds of a trial, and writes and prints what came out.
class Judge {
 public:
  explicit Judge(const Flags& flags) : flags_(flags) {}

  /// Whether to go on.
  bool operator()(trial::Trial trial) {
    const Status done = round(std::move(trial));
    if (!done) {
      fail_with(done.error().message, exit_undecided);
      code_ = exit_undecided;
    }
    return done.has_value() && code_ != exit_violation;
  }
  int exit_code() const { return code_; }

  /// What the rounds together say of memory, files and disk.
  void end() {
    for (const trial::Growth& growth :
         trial::growth_of(usage_, flags_.plan.own.nodes,
                          flags_.plan.own.etcd.empty() ? 0 : flags_.plan.own.etcd_members)) {
      fmt::print("{:<19}{:.0f} in the middle of it all, {:.0f} at the end ({:+.1f}%){}\n",
                 growth.what, growth.middle, growth.last, growth.percent(),
                 growth.bounded ? "" : ": it grows");
      if (!growth.bounded) code_ = exit_violation;
    }
    if (code_ != 0 && flags_.plan.nodes.empty())
      fmt::print("{:<17}{}\n", "logs and data", flags_.plan.own.folder);
  }

 private:
  Status round(trial::Trial trial) {
    if (Status s = write_file(flags_.out + "/history.jsonl", verify::to_lines(trial.history)); !s)
      return s;
    const auto begin = std::chrono::steady_clock::now();
    auto report = verify::check(trial.history);
    if (!report) return tl::unexpected(report.error());
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    report->violations.insert(report->violations.end(), trial.beyond.begin(), trial.beyond.end());
    if (Status s = write_results(trial, *report); !s) return s;
    const int code = exit_code_of(*report);
    if (code_ == 0 || code == exit_violation) code_ = code;
    if (trial.usage) usage_.push_back(*trial.usage);
    if (flags_.json) {
      print_json(*report, seconds);
    } else if (flags_.plan.rounds == 1 || code != 0) {
      print_whole(trial, *report, seconds);
    } else {
      print_line(trial, *report);
    }
    std::fflush(stdout);
    return {};
  }

  Status write_results(const trial::Trial& trial, const verify::Report& report) const {
    std::optional<verify::History> smallest;
    if (!report.violations.empty()) {
      smallest = verify::shrink(trial.history, report.violations.front().check, {});
      if (Status s = write_file(flags_.out + "/smallest.jsonl", verify::to_lines(*smallest)); !s)
        return s;
    }
    const verify::ReportPage page{
        .title = trial.cluster,
        .facts = {{"seed", std::to_string(trial.seed)},
                  {"duration", flags_.duration},
                  {"clients", std::to_string(flags_.plan.clients)},
                  {"operations answered", with_thousands(trial.operations)},
                  {"given up", with_thousands(trial.given_up)},
                  {"replicas equal after", fmt::format("{} ms", trial.converged.count())}},
        .history = trial.history,
        .report = report,
        .smallest = smallest ? &*smallest : nullptr};
    return write_file(flags_.out + "/report.html", verify::report_page(page));
  }

  void print_whole(const trial::Trial& trial, const verify::Report& report, double seconds) const {
    fmt::print("{:<17}{}, seed {}\n", "cluster", trial.cluster, trial.seed);
    for (const std::string& note : trial.notes) fmt::print("{:<17}{}\n", "note", note);
    if (!trial.history.eventual.empty()) {
      fmt::print("{:<17}within {} ms of the last operation\n", "replicas equal",
                 trial.converged.count());
    }
    print_table(report, seconds);
    fmt::print("{:<17}{}\n", "written", flags_.out + "/history.jsonl and report.html");
  }

  void print_line(const trial::Trial& trial, const verify::Report& report) const {
    constexpr std::uint64_t mib = 1 << 20;
    std::string usage;
    if (trial.usage) {
      usage = fmt::format("; nodes {} MiB, {} files, {} MiB on disk; etcd {} MiB on disk",
                          trial.usage->memory_bytes / mib, trial.usage->open_files,
                          trial.usage->disk_bytes / mib, trial.usage->etcd_disk_bytes / mib);
    }
    fmt::print("round {}: {}, {} operations, {} faults{}\n", trial.round + 1, verdict_word(report),
               with_thousands(report.operations), report.summary.faults, usage);
  }

  const Flags& flags_;
  int code_ = 0;
  std::vector<trial::Usage> usage_;
};

int run_verify(Flags& flags) {
  if (!flags.check.empty()) return check_files(flags.check, flags.json);
  if (Status s = complete(flags); !s) return fail_with(s.error().message, exit_usage);
  std::error_code failed;
  fs::remove_all(flags.plan.own.folder, failed);
  fs::remove(flags.out + "/smallest.jsonl", failed);
  fs::create_directories(flags.out, failed);
  if (failed) return fail_with(flags.out + ": " + failed.message(), exit_undecided);

  Display display(flags.plan);
  Judge judge(flags);
  const Status done = trial::run_trials(
      flags.plan, {.progress = [&](const trial::Progress& progress) { display.show(progress); },
                   .judge =
                       [&](trial::Trial trial) {
                         display.end();
                         return judge(std::move(trial));
                       }});
  if (!done) return fail_with(done.error().message, exit_undecided);
  judge.end();
  if (judge.exit_code() == 0 && !flags.keep) fs::remove_all(flags.plan.own.folder, failed);
  return judge.exit_code();
}

}  // namespace

void add_verify_command(CLI::App& app, int& exit_code) {
  CLI::App* verify =
      app.add_subcommand("verify", "Put a cluster under load and faults, and check its answers");
  auto flags = std::make_shared<Flags>();
  trial::Plan& plan = flags->plan;
  verify->footer(footer);
  verify
      ->add_option("--resp", flags->addresses,
                   "HOST:PORT of each node of a cluster that runs; without any one is started")
      ->allow_extra_args(false);
  verify
      ->add_option("--keyspace", plan.keyspaces,
                   "Work in this keyspace, under keys that are deleted at the end; may be repeated")
      ->allow_extra_args(false);
  verify->add_option("--service", plan.login.service,
                     "Sign in as this service; its token is in HOLDFAST_TOKEN");
  verify->add_option("--duration", flags->duration, "How long clients work, in each round")
      ->capture_default_str();
  verify
      ->add_option("--rounds", plan.rounds,
                   "So many times on the same cluster, whose memory, files and disk must not grow")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  verify
      ->add_option("--patience", flags->patience,
                   "How long nodes may take to answer again after a start or a fault")
      ->capture_default_str();
  verify->add_option("--clients", plan.clients, "Clients, each with one operation at a time")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  verify
      ->add_option("--rate", plan.operations_per_second,
                   "Operations a second of all of them, at most")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verify->add_option("--seed", flags->seed, "What clients do and which faults come, again");
  verify->add_flag("--no-faults", flags->no_faults, "Break nothing");
  verify->add_option("--break", plan.hooks.strike,
                     "A command that breaks something in the cluster that runs, for a fault");
  verify->add_option("--mend", plan.hooks.mend, "A command that mends it again");
  verify->add_option("--nodes", plan.own.nodes, "Nodes of the cluster that is started")
      ->check(CLI::Range(1, 9))
      ->capture_default_str();
  verify
      ->add_option("--etcd", flags->etcd,
                   "The etcd program for its engine; auto: where PATH has one; none: without")
      ->capture_default_str();
  verify->add_option("--etcd-members", plan.own.etcd_members, "Members of etcd")
      ->check(CLI::Range(1, 7))
      ->capture_default_str();
  verify
      ->add_option("--out", flags->out,
                   "The folder for history.jsonl, report.html, and the started cluster's data")
      ->capture_default_str();
  verify->add_flag("--keep", flags->keep, "Keep the started cluster's data and logs");
  verify->add_flag("--json", flags->json, "Print the verdict as JSON");
  verify->add_option("--check", flags->check, "Check recorded histories instead")
      ->check(CLI::ExistingFile);
  verify->callback([flags, &exit_code] { exit_code = run_verify(*flags); });
}

}  // namespace holdfast::cli
