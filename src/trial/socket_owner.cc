// SPDX-License-Identifier: Apache-2.0
#include "trial/socket_owner.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace holdfast::trial {
namespace {

using boost::asio::ip::tcp;

/// As /proc/net/tcp writes it: the address's four bytes as the machine has them.
std::string kernel_form(const tcp::endpoint& endpoint) {
  const auto bytes = endpoint.address().to_v4().to_bytes();
  return fmt::format("{:02X}{:02X}{:02X}{:02X}:{:04X}", bytes[3], bytes[2], bytes[1], bytes[0],
                     endpoint.port());
}

/// proc(5): slot, own address, other's, state, queues, timer, retransmits, user, timeout, inode.
std::string inode_of(const tcp::endpoint& own, const tcp::endpoint& other) {
  const std::string from = kernel_form(own), to = kernel_form(other);
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    if (line.find(from) == std::string::npos) continue;
    std::istringstream words(line);
    std::string slot, local, remote, skipped, inode;
    words >> slot >> local >> remote;
    for (int i = 0; i < 6; ++i) words >> skipped;
    if (words >> inode && local == from && remote == to && inode != "0") return inode;
  }
  return {};
}

bool has_socket(pid_t process, const std::string& link) {
  namespace fs = std::filesystem;
  std::error_code gone;
  for (fs::directory_iterator it(fmt::format("/proc/{}/fd", process), gone), end;
       !gone && it != end; it.increment(gone)) {
    std::error_code closed;
    if (fs::read_symlink(it->path(), closed).native() == link) return true;
  }
  return false;
}

}  // namespace

pid_t owner_of(const tcp::endpoint& maker, const tcp::endpoint& taker,
               std::span<const pid_t> processes) {
  const std::string inode = inode_of(maker, taker);
  if (inode.empty()) return 0;
  const std::string link = fmt::format("socket:[{}]", inode);
  for (const pid_t process : processes) {
    if (process != 0 && has_socket(process, link)) return process;
  }
  return 0;
}

}  // namespace holdfast::trial
