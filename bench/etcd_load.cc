// SPDX-License-Identifier: Apache-2.0
// Uses etcd directly, as a service without Holdfast would: one key a
// transaction, so many callers, each with one operation outstanding. Says how
// fast it was answered, in load_generator's fields.
//
//   etcd_load --endpoint 127.0.0.1:2379 --endpoint … --callers 64 --seconds 3 write
//
// `write` is a Txn of one Put of --value-bytes on a random key, `read` a
// linearizable Range of one random key. Callers are spread over the endpoints.
// Each thread has connections and a completion queue of its own: what one
// thread can do bounds what is measured only where "generator_busy" comes near
// --threads.
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <log/etcd/etcd.grpc.pb.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/latencies.h"

namespace {

namespace pb = etcdserverpb;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds connect_within{10};
constexpr std::chrono::seconds answer_within{30};

struct Options {
  std::vector<std::string> endpoints{"127.0.0.1:2379"};
  std::string what = "write";
  std::size_t callers = 64;
  std::size_t threads = 1;
  double seconds = 3;
  double warmup = 0.5;
  std::uint64_t keys = 100'000;
  std::size_t value_bytes = 64;
  std::string prefix = "etcd_load/";
  bool write() const { return what == "write"; }
};

/// What was answered, of all threads: etcd is far slower than this lock.
class Counts {
 public:
  void add(Clock::duration took, const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    latencies.record(took);
    if (!status.ok() && errors++ == 0) first_error = status.error_message();
  }
  // Once the threads are done:
  holdfast::Latencies latencies;
  std::uint64_t errors = 0;
  std::string first_error;

 private:
  std::mutex mutex_;
};

/// One that asks and waits, over and over.
class Caller {
 public:
  Caller(pb::KV::Stub& stub, grpc::CompletionQueue& queue, const Options& options,
         std::uint32_t seed)
      : stub_(stub), queue_(queue), options_(options), random_(seed) {
    if (!options_.write()) return;
    put_ = transaction_.add_success()->mutable_request_put();
    put_->set_value(std::string(options_.value_bytes, 'v'));
  }

  void ask() {
    // A context serves one call.
    context_.emplace();
    context_->set_deadline(std::chrono::system_clock::now() + answer_within);
    const std::string key = fmt::format("{}{:012}", options_.prefix, random_() % options_.keys);
    asked_ = Clock::now();
    if (options_.write()) {
      put_->set_key(key);
      txn_ = stub_.AsyncTxn(&*context_, transaction_, &queue_);
      txn_->Finish(&written_, &status_, this);
    } else {
      range_.set_key(key);
      read_ = stub_.AsyncRange(&*context_, range_, &queue_);
      read_->Finish(&found_, &status_, this);
    }
  }

  void count(Counts& counts, Clock::time_point now) const { counts.add(now - asked_, status_); }

 private:
  pb::KV::Stub& stub_;
  grpc::CompletionQueue& queue_;
  const Options& options_;
  std::mt19937_64 random_;
  std::optional<grpc::ClientContext> context_;
  pb::TxnRequest transaction_;
  pb::PutRequest* put_ = nullptr;
  pb::TxnResponse written_;
  pb::RangeRequest range_;
  pb::RangeResponse found_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<pb::TxnResponse>> txn_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<pb::RangeResponse>> read_;
  grpc::Status status_;
  Clock::time_point asked_;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "etcd_load: %s\n", what.c_str());
  std::exit(1);
}

/// A thread's share of the callers.
class Share {
 public:
  Share(const Options& options, std::size_t thread) {
    for (const std::string& endpoint : options.endpoints) {
      grpc::ChannelArguments arguments;
      // Else all threads would share one connection to each endpoint.
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      auto channel =
          grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
      if (!channel->WaitForConnected(std::chrono::system_clock::now() + connect_within)) {
        die("cannot connect to " + endpoint);
      }
      stubs_.push_back(pb::KV::NewStub(channel));
    }
    for (std::size_t i = thread; i < options.callers; i += options.threads) {
      callers_.push_back(std::make_unique<Caller>(*stubs_[i % stubs_.size()], queue_, options,
                                                  static_cast<std::uint32_t>(i + 1)));
    }
  }

  /// Counts what ends between the two.
  void run(Clock::time_point from, Clock::time_point until, Counts& counts) {
    for (const auto& caller : callers_) caller->ask();
    std::size_t under_way = callers_.size();
    void* tag = nullptr;
    bool ok = false;
    while (under_way > 0 && queue_.Next(&tag, &ok)) {
      auto* const caller = static_cast<Caller*>(tag);
      const auto now = Clock::now();
      if (now >= from && now < until) caller->count(counts, now);
      if (now < until) {
        caller->ask();
      } else {
        --under_way;
      }
    }
    queue_.Shutdown();
    while (queue_.Next(&tag, &ok)) continue;
  }

 private:
  std::vector<std::unique_ptr<pb::KV::Stub>> stubs_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Caller>> callers_;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

nlohmann::json run(const Options& options) {
  std::vector<std::unique_ptr<Share>> shares;
  for (std::size_t i = 0; i < options.threads; ++i) {
    shares.push_back(std::make_unique<Share>(options, i));
  }
  const auto duration = [](double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  };
  const auto from = Clock::now() + duration(options.warmup);
  const auto until = from + duration(options.seconds);
  std::vector<std::thread> threads;
  threads.reserve(shares.size());
  Counts counts;
  for (const auto& share : shares) {
    threads.emplace_back([&, from, until] { share->run(from, until, counts); });
  }
  std::this_thread::sleep_until(from);
  const double cpu_before = cpu_seconds();
  std::this_thread::sleep_until(until);
  const double cpu = cpu_seconds() - cpu_before;
  for (std::thread& thread : threads) thread.join();
  const auto us = [&counts](double q) { return counts.latencies.quantile(q).count(); };
  return {{"per_second", static_cast<double>(counts.latencies.count()) / options.seconds},
          {"requests", counts.latencies.count()},
          {"seconds", options.seconds},
          {"p50_us", us(0.5)},
          {"p99_us", us(0.99)},
          {"p999_us", us(0.999)},
          {"errors", counts.errors},
          {"first_error", counts.first_error},
          {"cpu_seconds", cpu},
          {"generator_busy", cpu / options.seconds}};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Uses etcd directly, one key a transaction, and says how fast it was answered."};
  app.add_option("--endpoint", options.endpoints, "A member's HOST:PORT; several share the callers")
      ->allow_extra_args(false);
  app.add_option("--callers", options.callers)->check(CLI::PositiveNumber);
  app.add_option("--threads", options.threads)->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds)->check(CLI::PositiveNumber);
  app.add_option("--warmup", options.warmup)->check(CLI::NonNegativeNumber);
  app.add_option("--keys", options.keys)->check(CLI::PositiveNumber);
  app.add_option("--value-bytes", options.value_bytes);
  app.add_option("--prefix", options.prefix, "Of the keys");
  app.add_option("what", options.what)->required()->check(CLI::IsMember({"write", "read"}));
  CLI11_PARSE(app, argc, argv);
  std::printf("%s\n", run(options).dump().c_str());
  return 0;
}
