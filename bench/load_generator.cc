// SPDX-License-Identifier: Apache-2.0
// Sends one command over and over, as redis-benchmark does, and says how fast
// it was answered. Ours because redis-benchmark has one random range for every
// placeholder and cannot make request ids that are fresh while keys repeat.
//
//   load_generator --address 127.0.0.1:7379 --connections 50 --depth 16
//       --seconds 3 --keys 100000 -- INCRBY counter:{key} 1
//
// In arguments {key} is a random key number below --keys, {next} the numbers
// from 0 on in order, {id} a number never used before by anyone; each 12
// digits (id: 22 characters). One thread, epoll, requests patched in place: what
// it can do itself is measured against its fastest target, see bench/run.py.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "load_generator: %s\n", what.c_str());
  std::exit(1);
}

/// Microseconds counted in buckets of 1/32 of their power of two.
class Histogram {
 public:
  void add(std::uint64_t us, std::uint64_t times) {
    counts_[bucket_of(us)] += times;
    total_ += times;
  }
  std::uint64_t percentile(double p) const {
    const auto wanted = static_cast<std::uint64_t>(p * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
      seen += counts_[i];
      if (seen > wanted) return value_of(i);
    }
    return 0;
  }

 private:
  static constexpr std::size_t buckets = 60 * 32;
  static std::size_t bucket_of(std::uint64_t us) {
    if (us < 32) return us;
    const int shift = 58 - __builtin_clzll(us);
    return (static_cast<std::size_t>(shift) + 1) * 32 + ((us >> shift) & 31);
  }
  static std::uint64_t value_of(std::size_t bucket) {
    if (bucket < 32) return bucket;
    return (32 + bucket % 32) << (bucket / 32 - 1);
  }
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(buckets);
  std::uint64_t total_ = 0;
};

/// One command's bytes and where its numbers go.
struct Template {
  enum class Kind { key, next, id };
  struct Hole {
    std::size_t offset;
    Kind kind;
  };
  std::string bytes;
  std::vector<Hole> holes;
};

constexpr std::size_t digits = 12;

void put_number(char* at, std::uint64_t number) {
  for (std::size_t i = digits; i-- > 0; number /= 10) at[i] = static_cast<char>('0' + number % 10);
}

Template make_template(const std::vector<std::string>& args, const std::string& run) {
  Template made;
  made.bytes = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    std::string text;
    std::vector<Template::Hole> holes;
    for (std::size_t i = 0; i < arg.size();) {
      const std::string_view rest = std::string_view(arg).substr(i);
      const auto take = [&](std::string_view name, Template::Kind kind, const std::string& before) {
        if (!rest.starts_with(name)) return false;
        text += before;
        holes.push_back({text.size(), kind});
        text.append(digits, '0');
        i += name.size();
        return true;
      };
      if (take("{key}", Template::Kind::key, "") || take("{next}", Template::Kind::next, "") ||
          take("{id}", Template::Kind::id, run)) {
        continue;
      }
      text += arg[i++];
    }
    made.bytes += "$" + std::to_string(text.size()) + "\r\n";
    for (const Template::Hole& hole : holes) {
      made.holes.push_back({made.bytes.size() + hole.offset, hole.kind});
    }
    made.bytes += text + "\r\n";
  }
  return made;
}

/// Counts whole replies in a stream of them, however they are cut.
class ReplyCounter {
 public:
  /// Replies that ended within `bytes`; `errors` grows, the first is kept.
  std::size_t feed(std::string_view bytes) {
    std::size_t done = 0;
    while (!bytes.empty()) {
      if (skip_ > 0) {  // the rest of a bulk string
        const std::size_t n = std::min(skip_, bytes.size());
        skip_ -= n;
        bytes.remove_prefix(n);
        if (skip_ == 0) done += element();
        continue;
      }
      const std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) {
        line_.append(bytes);
        break;
      }
      std::string_view line = bytes.substr(0, end + 1);
      if (!line_.empty()) line = line_.append(line);
      done += header(line);
      line_.clear();
      bytes.remove_prefix(end + 1);
    }
    return done;
  }
  std::uint64_t errors = 0;
  std::string first_error;

 private:
  std::size_t header(std::string_view line) {
    const char kind = line[0];
    if (kind == ':' || kind == '+') return element();
    if (kind == '-') {
      if (errors++ == 0) first_error = line.substr(0, line.size() - 2);
      return element();
    }
    const long n = std::strtol(line.data() + 1, nullptr, 10);
    if (kind == '$') {
      if (n < 0) return element();
      skip_ = static_cast<std::size_t>(n) + 2;
      return 0;
    }
    if (kind != '*') die("no RESP2: " + std::string(line));
    if (n > 0) left_ += static_cast<std::size_t>(n);
    return left_ == 0 || n <= 0 ? element() : (nested_ = true, 0);
  }
  /// One element is done; 1 when that ended a reply.
  std::size_t element() {
    if (!nested_) return 1;
    if (left_ > 0 && --left_ > 0) return 0;
    nested_ = false;
    return 1;
  }
  std::string line_;
  std::size_t skip_ = 0;
  std::size_t left_ = 0;
  bool nested_ = false;
};

struct Connection {
  int fd = -1;
  std::string requests;  // `depth` copies of the template, back to back
  std::size_t written = 0;
  std::size_t waiting = 0;
  Clock::time_point sent;
  Clock::time_point due;  // with a rate: when its next batch is
  ReplyCounter replies;
};

struct Options {
  std::vector<std::string> addresses{"127.0.0.1:7379"};
  std::size_t connections = 50;
  std::size_t depth = 1;
  double seconds = 3;
  double warmup = 0.5;
  std::uint64_t requests = 0;  // when not 0: this many, and no time limit
  double rate = 0;             // when not 0: so many a second, spread evenly, and no more
  std::uint64_t keys = 100'000;
  std::string user;  // signs in where it is one
  std::string password;
  std::vector<std::string> command;
};

void sign_in(int fd, const Options& options) {
  const std::string request = "AUTH " + options.user + " " + options.password + "\r\n";
  char answer[64];
  if (write(fd, request.data(), request.size()) != static_cast<ssize_t>(request.size()) ||
      read(fd, answer, sizeof answer) != 5 || std::string_view(answer, 5) != "+OK\r\n")
    die("cannot sign in as " + options.user);
}

int connect_to(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  if (inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1)
    die("no IPv4 address");
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
    die("cannot connect to " + address);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

class Generator {
 public:
  explicit Generator(Options options)
      : options_(std::move(options)),
        template_(make_template(options_.command, fresh_run())),
        epoll_(epoll_create1(0)),
        connections_(options_.connections) {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      Connection& c = connections_[i];
      c.fd = connect_to(options_.addresses[i % options_.addresses.size()]);
      if (!options_.user.empty()) sign_in(c.fd, options_);
      for (std::size_t n = 0; n < options_.depth; ++n) c.requests += template_.bytes;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    }
  }

  nlohmann::json run() {
    const auto start = Clock::now();
    auto measured_from = start;
    bool warm = options_.requests != 0;
    rusage usage_before{};
    getrusage(RUSAGE_SELF, &usage_before);
    std::uint64_t done = 0;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      Connection& c = connections_[i];
      c.due = start + std::chrono::duration_cast<Clock::duration>(
                          period() * static_cast<double>(i) / connections_.size());
      send_in_time(c);
    }
    std::vector<epoll_event> events(connections_.size());
    std::string buffer(1 << 16, '\0');
    while (true) {
      const int n = wait(events);
      const auto now = Clock::now();
      while (!resting_.empty() && resting_.top()->due <= now) {
        Connection& c = *resting_.top();
        resting_.pop();
        send_batch(c);
      }
      if (!warm && now - start > std::chrono::duration<double>(options_.warmup)) {
        warm = true;
        done = 0;
        measured_from = now;
        latency_ = Histogram();
        getrusage(RUSAGE_SELF, &usage_before);
      }
      if (options_.requests == 0 && warm &&
          now - measured_from > std::chrono::duration<double>(options_.seconds)) {
        break;
      }
      for (int i = 0; i < n; ++i) {
        Connection& c = connections_[events[static_cast<std::size_t>(i)].data.u64];
        const ssize_t got = recv(c.fd, buffer.data(), buffer.size(), 0);
        if (got <= 0) die("the server closed a connection");
        const std::size_t replies =
            c.replies.feed(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
        done += replies;
        c.waiting -= replies;
        if (c.waiting != 0) continue;
        latency_.add(
            static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::microseconds>(now - c.sent).count()),
            options_.depth);
        if (options_.requests == 0 || next_batch_fits()) send_in_time(c);
      }
      if (options_.requests != 0 && done >= options_.requests) break;
    }
    return report(done, Clock::now() - measured_from, usage_before);
  }

 private:
  /// Ten characters that no other run shares, for ids.
  static std::string fresh_run() {
    char text[11];
    std::snprintf(text, sizeof text, "%09x-", std::random_device{}() & 0x7fffffffU);
    return text;
  }

  /// Between two batches of one connection.
  std::chrono::duration<double> period() const {
    if (options_.rate <= 0) return {};
    return std::chrono::duration<double>(static_cast<double>(connections_.size() * options_.depth) /
                                         options_.rate);
  }

  void send_in_time(Connection& c) {
    if (options_.rate > 0 && c.due > Clock::now()) return resting_.push(&c);
    send_batch(c);
  }

  /// For events, or until a batch is due.
  int wait(std::vector<epoll_event>& events) {
    timespec patience{5, 0};
    if (!resting_.empty()) {
      const auto left = std::max(resting_.top()->due - Clock::now(), Clock::duration(0));
      patience = {0, static_cast<long>(std::chrono::nanoseconds(left).count() % 1'000'000'000)};
    }
    const int n =
        epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &patience, nullptr);
    if (n < 0 || (n == 0 && resting_.empty())) die("no reply within 5 s");
    return n;
  }

  bool next_batch_fits() const { return started_ + options_.depth <= options_.requests; }

  void send_batch(Connection& c) {
    for (std::size_t n = 0; n < options_.depth; ++n) {
      char* request = c.requests.data() + n * template_.bytes.size();
      for (const Template::Hole& hole : template_.holes) {
        std::uint64_t number = 0;
        switch (hole.kind) {
          case Template::Kind::key:
            number = random_() % options_.keys;
            break;
          case Template::Kind::next:
          case Template::Kind::id:
            number = started_ + n;
            break;
        }
        put_number(request + hole.offset, number);
      }
    }
    started_ += options_.depth;
    c.waiting = options_.depth;
    c.sent = Clock::now();
    c.due += std::chrono::duration_cast<Clock::duration>(period());
    // Blocking sockets: a batch is far smaller than a socket's buffer.
    std::string_view rest = c.requests;
    while (!rest.empty()) {
      const ssize_t sent = send(c.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) die("the server closed a connection");
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  nlohmann::json report(std::uint64_t done, Clock::duration elapsed, const rusage& before) const {
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    const double cpu = seconds(after.ru_utime) + seconds(after.ru_stime) -
                       seconds(before.ru_utime) - seconds(before.ru_stime);
    const double wall = std::chrono::duration<double>(elapsed).count();
    std::uint64_t errors = 0;
    std::string first_error;
    for (const Connection& c : connections_) {
      errors += c.replies.errors;
      if (first_error.empty()) first_error = c.replies.first_error;
    }
    return {{"per_second", static_cast<double>(done) / wall},
            {"requests", done},
            {"seconds", wall},
            {"p50_us", latency_.percentile(0.5)},
            {"p99_us", latency_.percentile(0.99)},
            {"p999_us", latency_.percentile(0.999)},
            {"errors", errors},
            {"first_error", first_error},
            {"generator_busy", cpu / wall}};
  }

  Options options_;
  Template template_;
  int epoll_;
  std::vector<Connection> connections_;
  std::minstd_rand random_{1};
  std::uint64_t started_ = 0;
  struct Later {
    bool operator()(const Connection* a, const Connection* b) const { return a->due > b->due; }
  };
  std::priority_queue<Connection*, std::vector<Connection*>, Later>
      resting_;  // by when they are due
  Histogram latency_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Sends one command over and over and says how fast it was answered."};
  app.add_option("--address", options.addresses, "HOST:PORT; several share the connections")
      ->allow_extra_args(false);
  app.add_option("--connections", options.connections)->check(CLI::PositiveNumber);
  app.add_option("--depth", options.depth)->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds);
  app.add_option("--warmup", options.warmup);
  app.add_option("--requests", options.requests,
                 "this many instead of a time; a multiple of depth");
  app.add_option("--rate", options.rate, "operations a second in all; 0: as fast as they go");
  app.add_option("--keys", options.keys)->check(CLI::PositiveNumber);
  app.add_option("--user", options.user);
  app.add_option("--password", options.password);
  app.add_option("command", options.command)->required();
  CLI11_PARSE(app, argc, argv);
  std::printf("%s\n", Generator(std::move(options)).run().dump().c_str());
  return 0;
}
