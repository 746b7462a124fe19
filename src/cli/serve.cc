// SPDX-License-Identifier: Apache-2.0
#include "cli/serve.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <utility>

#include "base/logging.h"
#include "base/text_units.h"
#include "cli/toml_config.h"
#include "node/node.h"
#include "node/real_environment.h"
#include "workflow/definition.h"

namespace holdfast::cli {
namespace {

/// Flags that are not plain strings or numbers, as they are typed.
struct Texts {
  std::string memory_limit = "0";
  std::string ids_memory = "512mb";
  std::string unstable_memory = "64mb";
  std::string output_limit = "64mb";
  std::string checkpoint_log_size = "256mb";
  std::string mesh_log_limit = "4gb";
  std::string request_timeout = "5s";
  std::string idle_timeout = "0s";
  std::string slow_log_slower_than = "10ms";
  std::string checkpoint_interval = "5m";
  std::string log_level = "info";
  std::string log_format = "text";
  std::string config;
  bool hints = false;
};

// Ends at the first flag whose text is none of its kind; CLI11's validators
// have met every other case.
void read_texts(const Texts& texts, node::Options& options) {
  options.memory_limit_bytes = *parse_bytes(texts.memory_limit);
  options.ids_memory_bytes = *parse_bytes(texts.ids_memory);
  options.unstable_memory_bytes = *parse_bytes(texts.unstable_memory);
  options.output_bytes_max = *parse_bytes(texts.output_limit);
  options.checkpoint_log_bytes = *parse_bytes(texts.checkpoint_log_size);
  options.mesh_log_bytes = *parse_bytes(texts.mesh_log_limit);
  options.request_timeout = *parse_duration(texts.request_timeout);
  options.idle_timeout = *parse_duration(texts.idle_timeout);
  options.slow_log_slower_than = *parse_duration(texts.slow_log_slower_than);
  options.checkpoint_interval = *parse_duration(texts.checkpoint_interval);
  options.log_level = *logging::parse_level(texts.log_level);
  options.log_format = texts.log_format == "json" ? logging::Format::json : logging::Format::text;
}

void print_hints(const node::Options& options) {
  const std::size_t colon = options.resp.rfind(':');
  const std::string host = options.resp.substr(0, colon);
  const std::string port = options.resp.substr(colon + 1);
  const bool tls = !options.tls_cert.empty();
  fmt::print(
      stderr,
      "\nHoldfast listens. In another terminal:\n\n"
      "  redis-cli{3} -h {0} -p {1} INCRBY visits 1\n"
      "  redis-cli{3} -h {0} -p {1} ONCE order-17 INCRBY visits 1     # again: counted once\n"
      "  redis-cli{3} -h {0} -p {1} KEYSPACE CREATE likes GUARANTEE eventual\n"
      "  redis-cli{3} -h {0} -p {1} ONCE anna:42 INCRBY likes:42 1\n\n"
      "or without redis-cli:  printf 'PING\\r\\n' | nc -q1 {0} {1}\n"
      "In a browser:          {4}://{2}/\n"
      "Health and metrics:    curl {5}{4}://{2}/metrics\n\n",
      host, port, options.http, tls ? " --tls --cacert CA" : "", tls ? "https" : "http",
      tls ? "--cacert CA " : "");
}

// The file gives what no flag gave. (CLI11 itself reads a file for the program
// as a whole only, not for a subcommand.)
void read_config(CLI::App& app, const std::string& path) {
  std::ifstream file(path);
  if (!file) throw CLI::FileError::Missing(path);
  for (const CLI::ConfigItem& item : TomlConfig().from_config(file)) {
    CLI::Option* option = app.get_option_no_throw("--" + item.name);
    if (option == nullptr || item.name == "config" || item.name == "help") {
      throw CLI::ConfigError::Extras(item.name + " in " + path);
    }
    if (option->count() > 0) continue;
    option->add_result(item.inputs);
    option->run_callback();
  }
}

int serve(const node::Options& options, bool hints) {
  logging::configure(options.log_level, options.log_format);
  // Whatever a node makes of it, it must not end the process between two of them.
  boost::asio::io_context nobody;
  const boost::asio::signal_set hang_up(nobody, SIGHUP);
  auto restart = node::Restart::none;
  while (true) {
    auto node = node::Node::open(options, node::make_real_environment, restart);
    if (!node) {
      logging::error("cannot start: {}", node.error().message);
      return 1;
    }
    if (std::exchange(hints, false)) print_hints(options);
    if (const Status stopped = (*node)->run(); !stopped) {
      logging::error("stopped with an error: {}", stopped.error().message);
      return 1;
    }
    restart = (*node)->wants_restart();
    if (restart == node::Restart::none) return 0;
  }
}

}  // namespace

void add_serve_command(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<node::Options>();
  auto texts = std::make_shared<Texts>();
  CLI::App* serve_app = app.add_subcommand("serve", "Run a node");
  const CLI::Validator duration(
      [](std::string& text) {
        return parse_duration(text) ? std::string() : "not a duration: " + text;
      },
      "DURATION");
  const CLI::Validator bytes(
      [](std::string& text) { return parse_bytes(text) ? std::string() : "not a size: " + text; },
      "SIZE");

  const auto flag = [&](const char* name, auto& value, const char* help) {
    return serve_app->add_option(name, value, help)->capture_default_str();
  };
  serve_app->add_option("--config", texts->config, "A TOML file; its keys are these flags' names");
  flag("--data", options->data, "The folder of this node's data; made when missing");
  flag("--resp", options->resp,
       "HOST:PORT for Redis clients; loopback only while no service signs in");
  flag("--http", options->http,
       "HOST:PORT for the HTTP API, /healthz, /readyz and /metrics; loopback only as --resp");
  flag("--tls-cert", options->tls_cert,
       "PEM file of this node's certificate for clients: --resp and --http speak TLS alone");
  flag("--tls-key", options->tls_key, "PEM file of its key");
  flag(
      "--tls-ca", options->tls_ca,
      "PEM file of who signs services' certificates: one whose name is a service's signs in as it");
  flag("--mesh", options->mesh, "HOST:PORT for the cluster's other nodes");
  flag("--mesh-advertise", options->mesh_advertise,
       "HOST:PORT at which they reach it, where that is another (a container's host, a proxy)");
  serve_app
      ->add_option("--peers", options->peers,
                   "HOST:PORT,… of the other nodes' --mesh: a cluster of eventual keyspaces that "
                   "needs no engine")
      ->delimiter(',');
  serve_app->add_flag("--bootstrap", options->bootstrap,
                      "With --peers, and without data: begin although not all of them answer");
  flag("--cluster-secret-file", options->cluster_secret_file,
       "A file with the secret that the cluster's nodes sign in with to each other");
  flag("--mesh-ca", options->mesh_ca,
       "PEM file of who signs the nodes' certificates, and nobody else's: TLS between nodes");
  flag("--mesh-cert", options->mesh_cert, "PEM file of this node's certificate for the others");
  flag("--mesh-key", options->mesh_key, "PEM file of its key");
  serve_app->add_flag(
      "--trust-network", options->trust_network,
      "Listen beyond loopback although nobody signs in: who can connect may do all");
  flag("--engine", options->engine,
       "What orders the strong log: embedded (this machine's disk), or etcd://HOST:PORT,…");
  flag("--etcd-ca", options->etcd_ca, "PEM file of who signs etcd's certificates: turns TLS on");
  flag("--etcd-cert", options->etcd_cert, "PEM file of this node's certificate for etcd");
  flag("--etcd-key", options->etcd_key, "PEM file of its key");
  flag("--etcd-user", options->etcd_user, "The user that signs in to etcd");
  flag("--etcd-password-file", options->etcd_password_file, "A file with the password alone");
  serve_app
      ->add_option(
          "--workflow-hosts", options->workflow_hosts,
          "HOST or HOST:PORT,… that workflows' steps may send HTTP requests to; nobody else")
      ->delimiter(',');
  serve_app
      ->add_option("--workflow-secrets", options->workflow_secrets,
                   "NAME=FILE,… of the bearer tokens that workflows' definitions name")
      ->delimiter(',')
      ->check(CLI::Validator(
          [](std::string& text) {
            const std::size_t equals = text.find('=');
            const bool whole = equals != std::string::npos && equals + 1 < text.size();
            return whole && workflow::is_name(text.substr(0, equals)) ? std::string()
                                                                      : "not NAME=FILE: " + text;
          },
          "NAME=FILE"));
  flag("--workflow-ca", options->workflow_ca,
       "PEM file of who signs those hosts' certificates; else the system's");
  flag("--cluster", options->cluster, "The cluster's name");
  flag("--node", options->node, "This node's id; a data folder belongs to one node");
  flag("--memory-limit", texts->memory_limit,
       "Writes that need more are refused; 0: three quarters of the machine's (or cgroup's)")
      ->check(bytes);
  flag("--ids-memory", texts->ids_memory,
       "Memory for one keyspace's request ids; what is more lies on disk")
      ->check(bytes);
  flag("--connections-max", options->connections_max, "Connections of each port, RESP and HTTP")
      ->check(CLI::Range(1, 1'000'000));
  flag("--unstable-memory", texts->unstable_memory,
       "Memory for what is kept of eventual operations that another node may lack; the rest lies "
       "on disk")
      ->check(bytes);
  flag("--output-limit", texts->output_limit,
       "Unsent replies of one connection; a slower reader is cut off")
      ->check(bytes);
  flag("--request-timeout", texts->request_timeout, "Every request is answered within it")
      ->check(duration);
  flag("--idle-timeout", texts->idle_timeout, "Close connections that say nothing; 0s: never")
      ->check(duration);
  flag("--slow-log-slower-than", texts->slow_log_slower_than,
       "Commands that take so long are kept for SLOWLOG")
      ->check(duration);
  flag("--slow-log-max-len", options->slow_log_max_len, "So many of them, the newest; 0: none")
      ->check(CLI::Range(std::size_t{0}, limits::slow_log_len_max));
  flag("--enable-debug-command", options->enable_debug_command,
       "DEBUG, for tests of clients: no, yes, or local: from this machine")
      ->check(CLI::IsMember({"no", "yes", "local"}));
  flag("--checkpoint-interval", texts->checkpoint_interval, "At most this long between checkpoints")
      ->check(duration);
  flag("--checkpoint-log-size", texts->checkpoint_log_size,
       "A checkpoint is due after this much log; bounds the replay at start")
      ->check(bytes);
  flag("--mesh-log-limit", texts->mesh_log_limit,
       "Of its log of eventual keyspaces, kept for members that are away: beyond it they get a "
       "checkpoint, where a majority has it all")
      ->check(bytes);
  flag("--log-level", texts->log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  flag("--log-format", texts->log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
  serve_app->add_flag("--hints", texts->hints, "Print what to type next");
  serve_app->callback([options, texts, serve_app, &exit_code] {
    if (!texts->config.empty()) read_config(*serve_app, texts->config);
    read_texts(*texts, *options);
    exit_code = serve(*options, texts->hints);
  });
}

}  // namespace holdfast::cli
