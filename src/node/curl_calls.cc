// SPDX-License-Identifier: Apache-2.0
#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "node/http_calls.h"
#include "workflow/json.h"
#include "workflow/results.h"

namespace holdfast::node {
namespace {

using workflow::Ending;
using workflow::Outcome;

// RFC 8941's sf-string, as the Idempotency-Key draft has it.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// One request: curl's handle and what it points to.
struct Exchange {
  explicit Exchange(HttpCalls::Done done_) : done(std::move(done_)) {}
  ~Exchange() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(handle);
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  HttpCalls::Done done;
  CURL* handle = curl_easy_init();
  curl_slist* headers = nullptr;
  std::string sent;
  std::string body;
  bool cut_off = false;
  Outcome outcome;
};

std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  if (exchange.body.size() + size * count > limits::workflow_response_bytes_max) {
    exchange.cut_off = true;
    return 0;  // ends it
  }
  exchange.body.append(bytes, size * count);
  return size * count;
}

class CurlCalls final : public HttpCalls {
 public:
  explicit CurlCalls(Options options) : options_(std::move(options)) {
    static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
    HF_ASSERT(once == CURLE_OK);
    multi_ = curl_multi_init();
    HF_ASSERT(multi_ != nullptr);
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections_max);
    curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, connections_per_host_max);
  }
  ~CurlCalls() override {
    stopping_ = true;
    curl_multi_wakeup(multi_);
    if (thread_.joinable()) thread_.join();
    for (const auto& exchange : open_) curl_multi_remove_handle(multi_, exchange->handle);
    open_.clear();
    curl_multi_cleanup(multi_);
  }

  void send(const workflow::OutgoingHttp& request, const std::string& id, Millis timeout,
            Done done) override {
    auto exchange = std::make_unique<Exchange>(std::move(done));
    if (Status ready = prepare(*exchange, request, id, timeout); !ready) {
      exchange->outcome = workflow::unsendable(ready.error());
      finish(std::move(exchange));
      return;
    }
    // Most nodes send none.
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    const std::lock_guard lock(mutex_);
    new_.push_back(std::move(exchange));
    curl_multi_wakeup(multi_);
  }

  void collect() override {
    std::vector<std::unique_ptr<Exchange>> ended;
    {
      const std::lock_guard lock(mutex_);
      ended.swap(ended_);
    }
    for (const auto& exchange : ended) exchange->done(std::move(exchange->outcome));
  }

 private:
  static constexpr long connections_max = 256;
  static constexpr long connections_per_host_max = 64;

  Status prepare(Exchange& exchange, const workflow::OutgoingHttp& request, const std::string& id,
                 Millis timeout) {
    if (Status allowed = check_url(request.url, options_.hosts); !allowed) return allowed;
    const auto header = [&](const std::string& line) {
      exchange.headers = curl_slist_append(exchange.headers, line.c_str());
    };
    header("Idempotency-Key: " + quoted(id));
    header("Expect:");  // no waiting for a 100
    if (!request.secret.empty()) {
      const auto secret = read_secret(request.secret);
      if (!secret) return tl::unexpected(secret.error());
      header("Authorization: Bearer " + *secret);
    }
    bool has_type = false;
    for (const auto& [name, value] : request.headers) {
      has_type = has_type || name == "content-type";
      header(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
    }
    CURL* const to = exchange.handle;
    curl_easy_setopt(to, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(to, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(to, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(to, CURLOPT_PROXY, "");  // whatever this process' surroundings say
    curl_easy_setopt(to, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    curl_easy_setopt(to, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(to, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    curl_easy_setopt(to, CURLOPT_USERAGENT, "holdfast/" HOLDFAST_VERSION);
    curl_easy_setopt(to, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(to, CURLOPT_WRITEDATA, &exchange);
    if (!options_.ca.empty()) curl_easy_setopt(to, CURLOPT_CAINFO, options_.ca.c_str());
    curl_easy_setopt(to, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (!request.body.empty()) {
      if (!has_type) header("Content-Type: application/json");
      exchange.sent = request.body;
      curl_easy_setopt(to, CURLOPT_POSTFIELDS, exchange.sent.data());
      curl_easy_setopt(to, CURLOPT_POSTFIELDSIZE, static_cast<long>(exchange.sent.size()));
    } else if (request.method != "GET") {
      curl_easy_setopt(to, CURLOPT_POSTFIELDS, "");
      curl_easy_setopt(to, CURLOPT_POSTFIELDSIZE, 0L);
      header("Content-Type:");
    }
    curl_easy_setopt(to, CURLOPT_HTTPHEADER, exchange.headers);
    return {};
  }

  Result<std::string> read_secret(const std::string& name) const {
    const auto file = options_.secret_files.find(name);
    if (file == options_.secret_files.end())
      return fail(Code::err, fmt::format("this node has no secret '{}'", name));
    std::ifstream in(file->second);
    std::string secret((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
    const bool plain = std::all_of(secret.begin(), secret.end(),
                                   [](unsigned char c) { return c > ' ' && c < 0x7F; });
    if (!in || secret.empty() || !plain)
      return fail(Code::err, fmt::format("the file of secret '{}' holds none", name));
    return secret;
  }

  // -- The thread

  void run() {
    while (!stopping_) {
      take_new();
      int running = 0;
      curl_multi_perform(multi_, &running);
      int left = 0;
      while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
        if (message->msg == CURLMSG_DONE) end(message->easy_handle, message->data.result);
      }
      curl_multi_poll(multi_, nullptr, 0, 1'000, nullptr);
    }
  }

  void take_new() {
    const std::lock_guard lock(mutex_);
    for (auto& exchange : new_) {
      curl_multi_add_handle(multi_, exchange->handle);
      open_.push_back(std::move(exchange));
    }
    new_.clear();
  }

  void end(CURL* handle, CURLcode code) {
    curl_multi_remove_handle(multi_, handle);
    const auto found = std::find_if(open_.begin(), open_.end(),
                                    [&](const auto& each) { return each->handle == handle; });
    std::unique_ptr<Exchange> exchange = std::move(*found);
    open_.erase(found);
    if (code == CURLE_OK || exchange->cut_off) {
      long status = 0;
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      exchange->outcome = outcome_of_http(status, exchange->body, exchange->cut_off);
    } else {
      exchange->outcome = {.ending = Ending::unknown,
                           .result = {},
                           .error = fmt::format("HTTP no answer: {}", curl_easy_strerror(code))};
    }
    finish(std::move(exchange));
  }

  void finish(std::unique_ptr<Exchange> exchange) {
    {
      const std::lock_guard lock(mutex_);
      ended_.push_back(std::move(exchange));
    }
    options_.wake();
  }

  const Options options_;
  CURLM* multi_ = nullptr;
  std::vector<std::unique_ptr<Exchange>> open_;  // the thread's
  std::mutex mutex_;
  std::vector<std::unique_ptr<Exchange>> new_, ended_;  // under the mutex
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<HttpCalls> make_curl_calls(HttpCalls::Options options) {
  return std::make_unique<CurlCalls>(std::move(options));
}

Outcome outcome_of_http(long status, const std::string& body, bool cut_off) {
  if (status >= 200 && status < 300) {
    workflow::Json result = {{"status", status}, {"body", nullptr}};
    if (!cut_off) {
      const auto json = workflow::parse_json(body);
      result["body"] = json ? *json : workflow::Json(body);
    }
    return {.ending = Ending::succeeded, .result = workflow::write_json(result), .error = {}};
  }
  const bool may_pass = status == 408 || status == 425 || status == 429 || status >= 500;
  const std::string start = cut_off ? std::string() : body.substr(0, 128);
  return {.ending = may_pass ? Ending::unknown : Ending::refused,
          .result = {},
          .error = fmt::format("HTTP {} {}", status, start)};
}

Status check_url(const std::string& url, const std::vector<std::string>& hosts) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    return fail(Code::err, fmt::format("'{}' is no URL", url));
  const auto part = [&](CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    std::string copy;
    if (curl_url_get(parsed.get(), which, &text, flags) == CURLUE_OK) copy = text;
    curl_free(text);
    return copy;
  };
  const std::string scheme = part(CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https")
    return fail(Code::err, fmt::format("'{}' is neither http:// nor https://", url));
  if (!part(CURLUPART_USER).empty() || !part(CURLUPART_PASSWORD).empty())
    return fail(Code::err, "a URL carries no user or password: name a secret as token");
  const std::string host = part(CURLUPART_HOST);
  const std::string with_port = host + ":" + part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const bool allowed = std::any_of(hosts.begin(), hosts.end(), [&](const std::string& each) {
    return each == host || each == with_port;
  });
  if (!allowed)
    return fail(Code::no_permission,
                fmt::format("this node sends no requests to {} (--workflow-hosts)", with_port));
  return {};
}

}  // namespace holdfast::node
