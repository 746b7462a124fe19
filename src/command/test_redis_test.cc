// SPDX-License-Identifier: Apache-2.0
#include "command/test_redis.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>

namespace holdfast::command {
namespace {

// One reply from the front of `bytes`, nothing when it is not all there.
std::optional<ReplyTree> try_parse(std::string_view& bytes) {
  const std::size_t line_end = bytes.find("\r\n");
  if (line_end == std::string_view::npos) return std::nullopt;
  std::string_view rest = bytes.substr(line_end + 2);
  ReplyTree tree{.kind = bytes[0], .text = std::string(bytes.substr(1, line_end - 1)), .items = {}};
  std::int64_t n = 0;
  std::from_chars(tree.text.data(), tree.text.data() + tree.text.size(), n);
  switch (tree.kind) {
    case '$':
    case '=':
      tree.text.clear();
      if (n < 0) {
        tree.kind = '_';
        break;
      }
      if (rest.size() < static_cast<std::size_t>(n) + 2) return std::nullopt;
      tree.text = rest.substr(0, static_cast<std::size_t>(n));
      rest.remove_prefix(static_cast<std::size_t>(n) + 2);
      break;
    case '*':
    case '~':
    case '%':
    case '>':
      tree.text.clear();
      if (n < 0) tree.kind = '_';
      for (std::int64_t i = 0; i < n * (tree.kind == '%' ? 2 : 1); ++i) {
        auto item = try_parse(rest);
        if (!item) return std::nullopt;
        tree.items.push_back(std::move(*item));
      }
      break;
    default:
      break;
  }
  bytes = rest;
  return tree;
}

}  // namespace

// Sorted in groups of one, or of two for a map.
void ReplyTree::sort(bool lists) {
  for (ReplyTree& item : items) item.sort(lists);
  const bool map = kind == '%';
  if (kind != '~' && !map && !(kind == '*' && lists)) return;
  std::vector<std::pair<std::string, std::vector<ReplyTree>>> groups;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!map || i % 2 == 0) groups.emplace_back();
    groups.back().first += items[i].show();
    groups.back().second.push_back(std::move(items[i]));
  }
  std::ranges::sort(groups, {},
                    [](const auto& group) -> const std::string& { return group.first; });
  items.clear();
  for (auto& group : groups) {
    for (ReplyTree& item : group.second) items.push_back(std::move(item));
  }
}

std::string ReplyTree::show() const {
  std::string out(1, kind);
  out += text;
  if (kind != '*' && kind != '~' && kind != '%') return out;
  for (const ReplyTree& item : items) out += " " + item.show();
  return out + " .";
}

ReplyTree parse_reply(std::string_view& bytes) {
  auto tree = try_parse(bytes);
  HF_ASSERT(tree.has_value());
  return *tree;
}

RealRedis* RealRedis::instance() {
  static const std::unique_ptr<RealRedis> redis = []() -> std::unique_ptr<RealRedis> {
    std::unique_ptr<RealRedis> made(new RealRedis);
    if (made->start()) return made;
    std::puts("redis-server 7.0 cannot be started here: nothing to compare with");
    return nullptr;
  }();
  return redis.get();
}

bool RealRedis::start() {
  char folder[] = "/tmp/holdfast-redis-XXXXXX";
  if (::mkdtemp(folder) == nullptr) return false;
  folder_ = folder;
  const std::string path = folder_ + "/socket";
  int log[2];
  if (::pipe(log) != 0) return false;
  const int pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(log[1], 1);
    ::close(log[0]);
    ::close(log[1]);
    ::execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path.c_str(), "--save",
             "", "--databases", "1", "--dir", folder, static_cast<char*>(nullptr));
    ::_exit(127);
  }
  pid_ = pid;
  ::close(log[1]);
  const bool ready = wait_until_ready(log[0]);
  if (!ready || !connect_to(path)) return false;
  run({"HELLO", "3"});
  const std::string info = run({"INFO", "server"}).text;
  return info.find("redis_version:7.0.") != std::string::npos;
}

// It says so in its log, which is its standard output; the end of that means
// it could not start. The pipe stays open: writes to a closed one would end it.
bool RealRedis::wait_until_ready(int log) {
  std::string said;
  char bytes[4096];
  while (said.find("eady to accept connections") == std::string::npos) {
    const auto n = ::read(log, bytes, sizeof(bytes));
    if (n <= 0) return false;
    said.append(bytes, static_cast<std::size_t>(n));
  }
  return true;
}

bool RealRedis::connect_to(const std::string& path) {
  socket_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

RealRedis::~RealRedis() {
  if (socket_ >= 0) ::close(socket_);
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

std::unique_ptr<RealRedis> RealRedis::another() const {
  std::unique_ptr<RealRedis> made(new RealRedis);
  HF_ASSERT(made->connect_to(folder_ + "/socket"));
  made->run({"HELLO", "3"});
  return made;
}

void RealRedis::fill() {
  char bytes[16384];
  const auto n = ::recv(socket_, bytes, sizeof(bytes), 0);
  HF_ASSERT(n > 0);
  received_.append(bytes, static_cast<std::size_t>(n));
}

void RealRedis::send(const Line& line) {
  std::string request = "*" + std::to_string(line.size()) + "\r\n";
  for (const std::string& word : line) {
    request += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  for (std::size_t sent = 0; sent < request.size();) {
    const auto n = ::send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    HF_ASSERT(n > 0);
    sent += static_cast<std::size_t>(n);
  }
}

ReplyTree RealRedis::run(const Line& line) {
  send(line);
  for (;;) {
    std::string_view bytes = received_;
    if (auto tree = try_parse(bytes)) {
      received_.erase(0, received_.size() - bytes.size());
      if (tree->kind != '>') return *tree;
      pushes_.push_back(*std::move(tree));
      continue;
    }
    fill();
  }
}

TEST(RealRedis, RepliesAreReadWhole) {
  std::string_view bytes = "%1\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+OK\r\n";
  EXPECT_EQ(parse_reply(bytes).show(), "% $a * :1 _ . .");
  EXPECT_EQ(parse_reply(bytes).show(), "+OK");
  EXPECT_TRUE(bytes.empty());
  for (std::string_view part = "*2\r\n:1\r\n$3\r\nab"; !part.empty(); part.remove_suffix(1)) {
    std::string_view rest = part;
    EXPECT_FALSE(try_parse(rest));
  }
}

}  // namespace holdfast::command
