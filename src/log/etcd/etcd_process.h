// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace holdfast::etcd::testing {

/// A real etcd of one member, on loopback ports and in a folder of its own.
class EtcdProcess {
 public:
  static bool installed() { return access("/usr/bin/etcd", X_OK) == 0; }

  explicit EtcdProcess(std::vector<std::string> more = {}) : more_(std::move(more)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "etcd-test-XXXXXX").string();
    HF_ASSERT(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    start();
  }
  ~EtcdProcess() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  EtcdProcess(const EtcdProcess&) = delete;
  EtcdProcess& operator=(const EtcdProcess&) = delete;

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(client_port_.number); }
  const std::string& folder() const { return folder_; }

  void start() {
    const std::string client = "http://" + endpoint();
    const std::string peer = "http://127.0.0.1:" + std::to_string(peer_port_.number);
    std::vector<std::string> args = {"etcd",
                                     "--name=test",
                                     "--data-dir=" + folder_ + "/data",
                                     "--listen-client-urls=" + client,
                                     "--advertise-client-urls=" + client,
                                     "--listen-peer-urls=" + peer,
                                     "--initial-advertise-peer-urls=" + peer,
                                     "--initial-cluster=test=" + peer};
    args.insert(args.end(), more_.begin(), more_.end());
    std::vector<char*> argv;
    argv.reserve(args.size() + 1);
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    const std::string output = folder_ + "/output";
    pid_ = fork();
    HF_ASSERT(pid_ >= 0);
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that ends early leaves none behind
      const int file = open(output.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
      dup2(file, 1);
      dup2(file, 2);
      execv("/usr/bin/etcd", argv.data());
      _exit(127);
    }
  }
  /// As `kill -9`.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void pause() const { ::kill(pid_, SIGSTOP); }
  void go_on() const { ::kill(pid_, SIGCONT); }

 private:
  // A port of loopback that nobody else of our tests is given while this lives: held by a UDP
  // socket of the same number, as free_port of tests/holdfast.py does, and from the same range.
  struct Port {
    Port() {
      std::random_device random;
      do {
        number = static_cast<std::uint16_t>(std::uniform_int_distribution(12'000, 31'999)(random));
      } while (!taken());
    }
    ~Port() { close(holder); }
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    std::uint16_t number = 0;
    int holder = -1;

   private:
    bool taken() {
      holder = bound(SOCK_DGRAM);
      const int probe = holder < 0 ? -1 : bound(SOCK_STREAM);
      if (probe >= 0) {
        close(probe);
        return true;
      }
      if (holder >= 0) close(holder);
      return false;
    }
    // The socket, bound to this number; -1 where somebody else has it.
    int bound(int type) const {
      const int socket = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
      HF_ASSERT(socket >= 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(number);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
        return socket;
      close(socket);
      return -1;
    }
  };

  std::vector<std::string> more_;
  std::string folder_;
  Port client_port_;
  Port peer_port_;
  pid_t pid_ = -1;
};

}  // namespace holdfast::etcd::testing
