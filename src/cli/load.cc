// SPDX-License-Identifier: Apache-2.0
#include "cli/load.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/text_units.h"
#include "cli/load_client.h"
#include "cli/mapped_file.h"
#include "cli/operations.h"

namespace holdfast::cli {
namespace {

constexpr std::chrono::seconds plain_line_every{5};

struct Flags {
  std::string file;
  Operations::Options operations;
  LoadClient::Options client;
  std::vector<std::string> addresses;
  std::string columns;
  std::string delimiter = "auto";
  std::string quote = "\"";
  std::string give_up_after = "60s";
  std::string service;
  std::string id;
  bool json = false;
  bool quiet = false;
};

constexpr const char* footer = R"(
Examples:
  holdfast load ratings.csv --command 'INCRBY likes:{movieId} 1' --id '{userId}:{movieId}' --retry
  holdfast load orders.tsv --columns order,from,to,amount \
    --command 'DECRBY money:{from} {amount*100}' --command 'INCRBY money:{to} {amount*100}' --id '{order}'

In templates {name} is the row's field in that column, {name*100} the field as a decimal number times a
whole one, {#row} the row's number, {{ and }} a brace. Several --command are sent as one MULTI.
With an --id everything may be sent twice and has its effect once.)";

int fail_with(const Error& error) {
  fmt::print(stderr, "holdfast load: {}\n", error.message);
  return 2;
}

/// Shows how far a load is: a line that is drawn over on a terminal, else one
/// every some seconds.
class Display {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Display(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

  void progress(const LoadReport& report, double progress) {
    const std::uint64_t ended = report.applied + report.replayed + report.failed;
    const double tick = std::chrono::duration<double>(report.elapsed - last_elapsed_).count();
    if (tick > 0) {
      const double now = static_cast<double>(ended - last_ended_) / tick;
      rate_ = last_ended_ == 0 ? now : 0.8 * rate_ + 0.2 * now;  // over about half a second
    }
    last_elapsed_ = report.elapsed;
    last_ended_ = ended;
    if (quiet_) return;
    if (terminal_) {
      const std::string line = progress_line(report, progress, rate_, bar_width());
      fmt::print(stderr, "\r{}\x1b[K", line);
      std::fflush(stderr);
      drawn_ = true;
    } else if (report.elapsed - last_line_ >= plain_line_every) {
      last_line_ = report.elapsed;
      fmt::print(stderr, "{}\n", progress_line(report, progress, rate_, 0));
    }
  }

  void problem(const std::string& text) {
    end_line();
    fmt::print(stderr, "{}\n", text);
  }

  void end_line() {
    if (drawn_) fmt::print(stderr, "\r\x1b[K");
    drawn_ = false;
  }

 private:
  static int bar_width() {
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return std::clamp((known ? size.ws_col : 80) - 60, 10, 50);
  }

  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  double rate_ = 0;
  std::uint64_t last_ended_ = 0;
  std::chrono::nanoseconds last_elapsed_{0};
  std::chrono::nanoseconds last_line_{0};
};

Status complete(Flags& flags) {
  if (flags.delimiter == "auto") {
    flags.operations.csv.delimiter =
        flags.file.ends_with(".tsv") || flags.file.ends_with(".tab") ? '\t' : ',';
  } else if (flags.delimiter == "tab" || flags.delimiter == "\\t") {
    flags.operations.csv.delimiter = '\t';
  } else if (flags.delimiter.size() == 1) {
    flags.operations.csv.delimiter = flags.delimiter[0];
  } else {
    return fail(Code::err, "--delimiter is one byte, or tab");
  }
  if (flags.quote == "none") {
    flags.operations.csv.quote.reset();
  } else if (flags.quote.size() == 1) {
    flags.operations.csv.quote = flags.quote[0];
  } else {
    return fail(Code::err, "--quote is one byte, or none");
  }
  for (const std::string& text : flags.addresses) {
    auto address = parse_address(text);
    if (!address) return tl::unexpected(address.error());
    flags.client.addresses.push_back(*std::move(address));
  }
  if (!flags.columns.empty()) {
    flags.operations.columns = CLI::detail::split(flags.columns, ',');
  }
  if (!flags.id.empty()) flags.operations.id = flags.id;
  const auto give_up = parse_duration(flags.give_up_after);
  if (!give_up) return fail(Code::err, "--give-up-after is a duration, such as 60s");
  flags.client.give_up_after = *give_up;
  if (!flags.service.empty()) {
    const char* const token = std::getenv("HOLDFAST_TOKEN");
    if (token == nullptr) {
      return fail(Code::err, "--service needs its token in the environment, as HOLDFAST_TOKEN");
    }
    flags.client.sign_in = LoadClient::SignIn{flags.service, token};
  }
  return {};
}

int run_load(Flags& flags) {
  if (Status completed = complete(flags); !completed) return fail_with(completed.error());
  const auto file = MappedFile::open(flags.file);
  if (!file) return fail_with(file.error());
  auto operations = Operations::open(file->bytes(), flags.operations);
  if (!operations) return fail_with(operations.error());
  Display display(flags.quiet);
  if ((flags.client.retry || flags.operations.repeat > 1) && !operations->has_ids()) {
    display.problem("without --id what is sent again may have its effect again");
  }
  LoadClient client(*operations, flags.client,
                    {.progress = [&](const LoadReport& report,
                                     double progress) { display.progress(report, progress); },
                     .problem = [&](const std::string& text) { display.problem(text); }});
  const LoadReport report = client.run();
  display.end_line();
  fmt::print("{}", flags.json ? report.json() : report.table());
  return report.all_well() ? 0 : 1;
}

}  // namespace

void add_load_command(CLI::App& app, int& exit_code) {
  CLI::App* load = app.add_subcommand("load", "Replay a CSV or TSV file as operations");
  auto flags = std::make_shared<Flags>();
  flags->addresses = {"127.0.0.1:7379"};
  load->footer(footer);
  load->add_option("FILE", flags->file, "The file; - is standard input")->required();
  load->add_option("--command", flags->operations.commands,
                   "The command for a row, with {column} for its fields; several form one MULTI")
      ->required()
      ->allow_extra_args(false);
  load->add_option("--id", flags->id, "The request id for a row, as a template");
  load->add_option("--columns", flags->columns,
                   "The columns' names, a,b,c, of a file whose first line does not name them");
  load->add_option("--where", flags->operations.conditions,
                   "Send only rows with column=value (or column!=value); several must all hold")
      ->allow_extra_args(false);
  load->add_option("--delimiter", flags->delimiter,
                   "Between fields: one byte or tab; auto is tab for .tsv, else a comma")
      ->capture_default_str();
  load->add_option("--quote", flags->quote, "Around fields, as in RFC 4180: one byte or none")
      ->capture_default_str();
  load->add_option("--resp", flags->addresses, "A node's HOST:PORT; several share the connections")
      ->allow_extra_args(false)
      ->capture_default_str();
  load->add_option("--service", flags->service,
                   "Sign in as this service; its token is in HOLDFAST_TOKEN");
  load->add_option("--connections", flags->client.connections, "Connections")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  load->add_option("--pipeline", flags->client.pipeline, "Operations under way on a connection")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  load->add_option("--repeat", flags->operations.repeat, "How often the whole file is sent")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  load->add_flag("--retry", flags->client.retry,
                 "Try again after UNAVAILABLE, BUSY, UNKNOWN and lost connections");
  load->add_option("--give-up-after", flags->give_up_after,
                   "How long a row is tried, and how long no server may answer")
      ->capture_default_str();
  load->add_flag("--json", flags->json, "Print the closing table as JSON");
  load->add_flag("--quiet", flags->quiet, "Show no progress");
  load->callback([flags, &exit_code] { exit_code = run_load(*flags); });
}

}  // namespace holdfast::cli
