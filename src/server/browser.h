// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/http_conversation.h"
#include "server/talk.h"

/// HTTP conversations without sockets, for tests: say bytes, hear bytes.
namespace holdfast::server::fake {

/// An answer as it was heard.
struct Heard {
  int status = 0;
  std::string head;  // with the status line
  std::string body;
};

/// The first answer of `bytes`, which it takes away; all of what is there where there is none.
inline Heard take_answer(std::string& bytes) {
  Heard heard;
  const std::size_t end = bytes.find("\r\n\r\n");
  heard.head = bytes.substr(0, end == std::string::npos ? end : end + 4);
  bytes.erase(0, heard.head.size());
  if (heard.head.size() > 12) heard.status = std::atoi(heard.head.c_str() + 9);
  constexpr std::string_view field = "Content-Length: ";
  const std::size_t at = heard.head.find(field);
  if (at != std::string::npos) {
    const auto length = std::stoul(heard.head.substr(at + field.size()));
    heard.body = bytes.substr(0, length);
    bytes.erase(0, length);
  }
  return heard;
}

/// One HTTP connection on a fake backend.
class Browser final : public Clients, public ReplySink {
 public:
  explicit Browser(HttpPages pages) : context(commands(), std::move(pages)) {
    context.sessions.backend = &backend;
    context.sessions.clients = this;
    talk = std::make_unique<HttpConversation>(
        context, Peer{.id = 1, .address = "127.0.0.1:9", .local_address = {}, .descriptor = -1}, 1);
  }
  Browser()
      : Browser([this](const PageRequest& page) {
          asked.emplace_back(page.path);
          if (page.path == "/healthz") return HttpAnswer{200, "text/plain", "ok\n", {}};
          return not_found(page.path);
        }) {}

  /// Sends in pieces; what was answered to all of it.
  std::string say(std::string_view bytes, std::size_t piece = 1 << 20) {
    std::string heard;
    while (!bytes.empty() && talk->wants_input()) {
      const auto room = talk->room();
      const std::size_t n = std::min({bytes.size(), room.size(), piece});
      bytes.copy(room.data(), n);
      bytes.remove_prefix(n);
      talk->received(n);
      heard += hear();
    }
    return heard;
  }
  std::string hear() {
    std::string heard;
    while (talk->has_output() || talk->can_resume()) {
      heard += std::exchange(talk->output(), {});
      talk->sent(heard.size(), 0);
      if (talk->can_resume()) talk->resume();
    }
    return heard;
  }
  std::string end() {
    talk->end_of_input();
    return hear();
  }
  /// A POST of JSON.
  Heard post(std::string_view path, std::string_view body, std::string_view headers = {}) {
    return request("POST", path, body, std::string(headers) + "Content-Type: application/json\r\n");
  }
  Heard get(std::string_view path, std::string_view headers = {}) {
    return request("GET", path, {}, headers);
  }
  Heard request(std::string_view method, std::string_view path, std::string_view body,
                std::string_view headers) {
    std::string heard = say(written(method, path, body, headers));
    return take_answer(heard);
  }
  static std::string written(std::string_view method, std::string_view path, std::string_view body,
                             std::string_view headers) {
    std::string text(method);
    text += ' ';
    text += path;
    text += " HTTP/1.1\r\nHost: localhost\r\n";
    text += headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    text += "\r\n";
    return text.append(body);
  }
  bool tick() {
    talk->tick();
    return !talk->cut_off();
  }

  void for_each(absl::FunctionRef<void(Session&)>) override {}
  void kill(Session&) override {}
  void touch(Session&) override {}
  void complete(Ticket ticket, std::string_view reply, Replay replay) override {
    talk->complete(ticket.sequence, reply, replay);
  }

  std::vector<std::string> asked;  // pages
  Backend backend;
  HttpContext context;
  std::unique_ptr<HttpConversation> talk;
};

}  // namespace holdfast::server::fake
