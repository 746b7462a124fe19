// SPDX-License-Identifier: Apache-2.0
#include "cli/lab.h"

#include <fmt/format.h>
#include <cstdlib>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "cli/csv.h"
#include "cli/mapped_file.h"
#include "lab/lab.h"
#include "trial/process.h"

namespace holdfast::cli {
namespace {

namespace fs = std::filesystem;

constexpr int exit_broken = 1, exit_not_played = 2, exit_usage = 64;

struct Flags {
  lab::StageOptions stage;
  std::string data;
  std::uint16_t port = 7390;
  std::string likes;
  std::string post_column = "post";
  std::string id_column;
  std::string etcd = "auto";
  bool headless = false;
  std::string scenario;
};

constexpr const char* footer = R"(
Examples:
  holdfast lab                                       three nodes, and etcd where PATH has it; prints the page's address
  holdfast lab --likes ratings.csv --post movieId --id userId
  holdfast lab --headless --scenario cut.json        plays the file and prints what came of it, as JSON

  {"scene": "likes", "rate": 300, "seconds": 12,
   "actions": [{"at": "3s", "cut": "node3"}, {"at": "8s", "heal": "node3"}]}

Exit codes: 0 what the guarantees promise held; 1 it did not; 2 it could not be played; 64 wrong usage.
Scenes, actions, and what is measured: docs/lab.md.)";

int fail_with(const std::string& message, int code) {
  fmt::print(stderr, "holdfast lab: {}\n", message);
  return code;
}

/// Where the processes have their data and logs: a new folder, which is removed again unless it
/// was named.
class Folder {
 public:
  ~Folder() {
    std::error_code ignored;
    if (!kept_ && !path_.empty()) fs::remove_all(path_, ignored);
  }
  Status make(const std::string& named) {
    std::error_code failed;
    kept_ = !named.empty();
    path_ = named;
    if (!kept_) {
      std::string pattern = (fs::temp_directory_path(failed) / "holdfast-lab-XXXXXX").string();
      if (failed || ::mkdtemp(pattern.data()) == nullptr)
        return fail(Code::err, "no folder for temporary files");
      path_ = pattern;
      return {};
    }
    // Ports are drawn anew each time, and what a cluster has on its disks names the old ones.
    if (fs::exists(path_, failed) && !fs::is_empty(path_, failed))
      return fail(Code::err, path_ + " is not empty: a lab begins anew, name another folder");
    return {};
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool kept_ = false;
};

/// The file's rows, those of the first posts only: a look reads them all.
Result<std::vector<lab::Like>> read_likes(const Flags& flags) {
  const auto file = MappedFile::open(flags.likes);
  if (!file) return tl::unexpected(file.error());
  CsvReader rows(file->bytes(), {});
  auto head = rows.next();
  if (!head) return tl::unexpected(head.error());
  if (!*head) return fail(Code::err, flags.likes + " is empty");
  const auto column = [&](const std::string& name) -> Result<std::size_t> {
    const auto found = std::ranges::find(**head, name);
    if (found != (*head)->end()) return static_cast<std::size_t>(found - (*head)->begin());
    return fail(Code::err, fmt::format("{} has no column '{}': it has {}", flags.likes, name,
                                       fmt::join(**head, ", ")));
  };
  const auto post = column(flags.post_column);
  if (!post) return tl::unexpected(post.error());
  const auto id = flags.id_column.empty() ? Result<std::size_t>(0) : column(flags.id_column);
  if (!id) return tl::unexpected(id.error());
  std::vector<lab::Like> likes;
  std::set<std::string, std::less<>> posts;
  while (likes.size() < limits::lab_likes_max) {
    const auto row = rows.next();
    if (!row) return tl::unexpected(row.error());
    if (!*row) break;
    const auto& fields = **row;
    if (fields.size() <= std::max(*post, *id)) continue;
    if (!posts.contains(fields[*post])) {
      if (posts.size() == limits::lab_things_max) continue;
      posts.emplace(fields[*post]);
    }
    likes.push_back({.post = std::string(fields[*post]),
                     .id = flags.id_column.empty()
                               ? std::string()
                               : fmt::format("{}-{}", fields[*id], fields[*post])});
  }
  if (likes.empty()) return fail(Code::err, flags.likes + " has no rows");
  return likes;
}

int run_headless(const Flags& flags, const std::vector<lab::Like>& likes) {
  const lab::Places places(flags.stage.nodes, flags.stage.etcd.empty() ? 0 : lab::etcd_members);
  const auto file = MappedFile::open(flags.scenario);
  if (!file) return fail_with(file.error().message, exit_usage);
  const auto scenario = lab::parse_scenario(file->bytes(), places);
  if (!scenario) return fail_with(flags.scenario + ": " + scenario.error().message, exit_usage);
  const auto played = lab::play_headless(flags.stage, *scenario, likes);
  if (!played) return fail_with(played.error().message, exit_not_played);
  fmt::print("{}\n", lab::to_json(*played).dump(2));
  return lab::held(*played) ? 0 : exit_broken;
}

int run_page(const Flags& flags, const std::vector<lab::Like>& likes) {
  fmt::print(stderr, "starting {} nodes{} …\n", flags.stage.nodes,
             flags.stage.etcd.empty() ? " without etcd" : " over etcd");
  const Status done =
      lab::show_page(flags.stage, flags.port, likes, [](const std::string& address) {
        fmt::print("The lab is at {}\nCtrl-C ends it.\n", address);
        std::fflush(stdout);
      });
  return done ? 0 : fail_with(done.error().message, exit_not_played);
}

int run_lab(Flags flags) {
  if (flags.headless && flags.scenario.empty())
    return fail_with("--headless needs a --scenario", exit_usage);
  if (!flags.headless && !flags.scenario.empty())
    return fail_with("--scenario is for --headless; the page has scenes of its own", exit_usage);
  std::vector<lab::Like> likes;
  if (!flags.likes.empty()) {
    auto read = read_likes(flags);
    if (!read) return fail_with(read.error().message, exit_usage);
    likes = *std::move(read);
  }
  std::error_code failed;
  flags.stage.program = fs::read_symlink("/proc/self/exe", failed).string();
  flags.stage.seed = std::random_device{}();
  if (flags.etcd == "auto") {
    flags.stage.etcd = trial::find_program("etcd");
  } else if (flags.etcd != "none") {
    flags.stage.etcd = flags.etcd;
  }
  Folder folder;
  if (Status s = folder.make(flags.data); !s) return fail_with(s.error().message, exit_usage);
  flags.stage.folder = folder.path();
  return flags.headless ? run_headless(flags, likes) : run_page(flags, likes);
}

}  // namespace

void add_lab_command(CLI::App& app, int& exit_code) {
  auto flags = std::make_shared<Flags>();
  CLI::App* lab = app.add_subcommand(
      "lab", "A cluster on loopback to break and to watch, in a browser or as a script");
  lab->footer(footer);
  lab->add_option("--nodes", flags->stage.nodes, "Nodes")
      ->check(CLI::Range(1, 7))
      ->capture_default_str();
  lab->add_option("--etcd", flags->etcd,
                  "The etcd program for the engine; auto: where PATH has one; none: without")
      ->capture_default_str();
  lab->add_option("--data", flags->data,
                  "An empty folder for their data and logs, which are then kept");
  lab->add_option("--port", flags->port, "The page's port, on loopback")->capture_default_str();
  lab->add_option("--likes", flags->likes, "A CSV file of likes for the scene of that name")
      ->check(CLI::ExistingFile);
  lab->add_option("--post", flags->post_column, "Its column that says what is liked")
      ->capture_default_str();
  lab->add_option("--id", flags->id_column, "Its column that says who likes: one like each");
  lab->add_flag("--headless", flags->headless, "Play the scenario and print what came of it");
  lab->add_option("--scenario", flags->scenario, "A JSON file: docs/lab.md")
      ->check(CLI::ExistingFile);
  lab->callback([flags, &exit_code] { exit_code = run_lab(*flags); });
}

}  // namespace holdfast::cli
