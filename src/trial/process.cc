// SPDX-License-Identifier: Apache-2.0
#include "trial/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <utility>

namespace holdfast::trial {
namespace {

constexpr std::streamoff last_words_bytes = 2'000;
constexpr int not_executed = 127;

/// Between fork and exec a child has our signal handlers, which would swallow what is meant to end
/// it: signals wait until it is itself.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld() { release(); }

  void release() const { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

[[noreturn]] void become(const std::vector<char*>& arguments, int log, const SignalsHeld& held) {
  for (const int ends : {SIGTERM, SIGINT, SIGHUP}) ::signal(ends, SIG_DFL);
  held.release();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Ctrl-C in a terminal is for the one who started them.
  ::setpgid(0, 0);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(arguments[0], arguments.data());
  ::_exit(not_executed);
}

}  // namespace

Process::Process(std::string name, std::vector<std::string> command, std::string log_file)
    : name_(std::move(name)), command_(std::move(command)), log_file_(std::move(log_file)) {}

Process::~Process() {
  kill();
}

Status Process::start() {
  std::vector<char*> arguments;
  for (std::string& word : command_) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int log = ::open(log_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0)
    return fail(Code::err, fmt::format("cannot write {}: {}", log_file_, std::strerror(errno)));
  const SignalsHeld held;
  pid_ = ::fork();
  if (pid_ == 0) become(arguments, log, held);
  const int why = errno;
  ::close(log);
  ended_by_itself_ = false;
  if (pid_ > 0) return {};
  pid_ = 0;
  return fail(Code::err, fmt::format("cannot start {}: {}", name_, std::strerror(why)));
}

void Process::end(int signal) {
  if (pid_ == 0) return;
  ::kill(pid_, SIGCONT);
  ::kill(pid_, signal);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
  paused_ = false;
}

void Process::kill() {
  end(SIGKILL);
}

void Process::stop() {
  end(SIGTERM);
}

void Process::pause() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGSTOP);
  paused_ = true;
}

void Process::resume() {
  paused_ = false;
  if (pid_ != 0) ::kill(pid_, SIGCONT);
}

bool Process::ended_by_itself() {
  if (pid_ != 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) {
    pid_ = 0;
    ended_by_itself_ = true;
  }
  return ended_by_itself_;
}

std::string Process::last_words() const {
  std::ifstream file(log_file_, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - last_words_bytes));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = folder;
    file.append("/").append(name);
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

// Below the range that the kernel gives to outgoing connections and to who asks for any port: one
// of those can be taken by the time that the process we start listens.
Result<std::vector<std::string>> free_ports(std::size_t count) {
  using boost::asio::ip::tcp;
  constexpr unsigned short least = 12'000, most = 31'999;
  constexpr std::size_t tries_max = 10'000;
  std::random_device random;
  std::uniform_int_distribution<unsigned short> draw(least, most);
  boost::asio::io_context io;
  std::vector<tcp::acceptor> held;  // until all are known, so that none comes twice
  std::vector<std::string> ports;
  for (std::size_t tries = 0; ports.size() < count && tries < tries_max; ++tries) {
    const unsigned short port = draw(random);
    boost::system::error_code failed;
    tcp::acceptor one(io);
    one.open(tcp::v4(), failed);
    if (!failed) one.set_option(boost::asio::socket_base::reuse_address(true), failed);
    if (!failed) one.bind({boost::asio::ip::address_v4::loopback(), port}, failed);
    if (!failed) one.listen(1, failed);
    if (failed) continue;
    held.push_back(std::move(one));
    ports.push_back(std::to_string(port));
  }
  if (ports.size() < count) return fail(Code::err, "no free ports from 12000 to 31999");
  return ports;
}

}  // namespace holdfast::trial
