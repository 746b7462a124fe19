// SPDX-License-Identifier: Apache-2.0
#include "node/process_rows.h"

#include <absl/strings/match.h>
#include <fmt/format.h>

#include <array>
#include <string>

#include "base/version.h"
#include "node/node.h"
#include "node/node_row.h"
#include "value/value.h"

namespace holdfast::node {
namespace {

bool same(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase({a.data(), a.size()}, {b.data(), b.size()});
}

// -- The disk

void save(Node& node, ServiceId, Args, Reply& reply) {
  if (Status waits = node.checkpoint_for([](Node&, Reply& answer) { answer.ok(); }); !waits) {
    reply.error(waits.error());
  }
}

void bgsave(Node& node, ServiceId, Args args, Reply& reply) {
  if (args.size() > 2 || (args.size() == 2 && !same(args[1], "SCHEDULE"))) {
    return reply.error({Code::err, "syntax error"});
  }
  node.checkpointer().request();
  reply.simple("Background saving started");
}

void bgrewriteaof(Node& node, ServiceId, Args, Reply& reply) {
  node.checkpointer().request();
  reply.simple("Background append only file rewriting started");
}

void lastsave(Node& node, ServiceId, Args, Reply& reply) {
  const Instant saved = node.checkpointer().last_completed_at();
  reply.integer(to_ms(std::max(saved, node.started_at())) / 1'000);
}

void shutdown(Node& node, ServiceId, Args args, Reply& reply) {
  bool save = false, no_save = false, abort = false;
  for (const std::string_view word : args.subspan(1)) {
    const bool known = same(word, "NOW") || same(word, "FORCE");  // nobody has to be waited for
    save = save || same(word, "SAVE");
    no_save = no_save || same(word, "NOSAVE");
    abort = abort || same(word, "ABORT");
    if (!known && !same(word, "SAVE") && !same(word, "NOSAVE") && !same(word, "ABORT")) {
      return reply.error({Code::err, "syntax error"});
    }
  }
  if ((save && no_save) || (abort && args.size() > 2)) {
    return reply.error({Code::err, "syntax error"});
  }
  if (abort) return reply.error({Code::err, "No shutdown in progress."});
  node.defer();  // the connection's end is the answer
  node.stop();
}

// -- Memory

void field(std::string_view name, std::uint64_t value, Reply& reply) {
  reply.bulk(name);
  reply.integer(static_cast<std::int64_t>(value));
}

void memory_stats(Node& node, ServiceId, Args, Reply& reply) {
  const std::uint64_t dataset = node.keyspaces().memory_bytes();
  MemoryWatch& memory = node.memory();
  memory.sample(dataset);
  std::uint64_t keys = 0;
  for (const KeyspaceState* state : node.keyspaces().all()) keys += state->table.size();
  const std::uint64_t used = std::max<std::uint64_t>(memory.active(), 1);
  const auto percent = [](std::uint64_t part, std::uint64_t whole) {
    return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  reply.map(11);
  field("peak.allocated", memory.peak(), reply);
  field("total.allocated", memory.active(), reply);
  field("overhead.total", memory.active() - std::min(memory.active(), dataset), reply);
  field("keys.count", keys, reply);
  field("keys.bytes-per-key", keys == 0 ? 0 : dataset / keys, reply);
  field("dataset.bytes", dataset, reply);
  reply.bulk("dataset.percentage");
  reply.real(percent(dataset, used));
  reply.bulk("peak.percentage");
  reply.real(percent(memory.active(), std::max(memory.peak(), used)));
  field("allocator.allocated", allocated_bytes(), reply);
  field("allocator.resident", resident_bytes(), reply);
  reply.bulk("fragmentation");
  reply.real(static_cast<double>(resident_bytes()) / static_cast<double>(used));
}

void memory_doctor(Node& node, ServiceId, Args, Reply& reply) {
  const MemoryWatch& memory = node.memory();
  if (memory.over()) {
    return reply.verbatim_text(
        "The limit is reached: writes that grow memory are refused. Raise maxmemory, or remove "
        "keys.\n");
  }
  if (memory.excess() > 0) {
    return reply.verbatim_text(
        "Close to the limit: values that the last checkpoint holds are let go of, and read from "
        "disk when they are asked for.\n");
  }
  reply.verbatim_text("Nothing is wrong.\n");
}

void memory_purge(Node&, ServiceId, Args, Reply& reply) {
  release_unused_memory();
  reply.ok();
}

void memory_malloc_stats(Node&, ServiceId, Args, Reply& reply) {
  reply.verbatim_text(
      fmt::format("allocated: {}\nresident: {}\n", allocated_bytes(), resident_bytes()));
}

// -- Others

void swapdb(Node&, ServiceId, Args args, Reply& reply) {
  const auto first = parse_integer(args[1]);
  if (!first) return reply.error({Code::err, "invalid first DB index"});
  const auto second = parse_integer(args[2]);
  if (!second) return reply.error({Code::err, "invalid second DB index"});
  if (*first != 0 || *second != 0) return reply.error({Code::err, "DB index is out of range"});
  reply.ok();
}

void module_list(Node&, ServiceId, Args, Reply& reply) {
  reply.array(0);
}

// Rule 90, S. Wolfram's name for it: each point is one of its two neighbours above, not both. What
// each node has of its neighbours decides what comes of all.
void lolwut(Node&, ServiceId, Args, Reply& reply) {
  constexpr std::size_t width = 63, height = 32;
  std::string above(width, ' ');
  above[width / 2] = '*';
  std::string text;
  for (std::size_t row = 0; row < height; ++row) {
    text.append(above).append("\n");
    std::string next(width, ' ');
    for (std::size_t i = 0; i < width; ++i) {
      const bool left = i > 0 && above[i - 1] == '*';
      const bool right = i + 1 < width && above[i + 1] == '*';
      if (left != right) next[i] = '*';
    }
    above = next;
  }
  reply.verbatim_text(fmt::format("{}\nHoldfast ver. {}\n", text, product_version));
}

constexpr std::uint32_t of_disk = flag_admin | flag_noscript;

constexpr std::array rows{
    node_row("SAVE", 1, save, "", "Write a checkpoint, and answer when it is on disk",
             "O(changed keys)", of_disk),
    node_row("BGSAVE", -1, bgsave, "[SCHEDULE]", "Ask for a checkpoint now", "O(changed keys)",
             of_disk),
    node_row("BGREWRITEAOF", 1, bgrewriteaof, "", "BGSAVE: then the logs forget what it holds",
             "O(changed keys)", of_disk),
    node_row("LASTSAVE", 1, lastsave, "",
             "When the last checkpoint was completed, or this node started", "O(1)",
             flag_loading | flag_fast),
    node_row("SHUTDOWN", -1, shutdown, "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
             "Stop this node as SIGTERM does: what is under way is answered, a checkpoint written",
             "O(changed keys)", of_disk | flag_loading),
    node_row("MEMORY STATS", 2, memory_stats, "", "What memory is used for, in bytes",
             "O(keyspaces)", flag_none),
    node_row("MEMORY DOCTOR", 2, memory_doctor, "", "Whether memory is short, in words", "O(1)",
             flag_none),
    node_row("MEMORY PURGE", 2, memory_purge, "", "Give freed pages back to the kernel", "O(1)",
             flag_none),
    node_row("MEMORY MALLOC-STATS", 2, memory_malloc_stats, "", "What the allocator says", "O(1)",
             flag_none),
    node_row("SWAPDB", 3, swapdb, "index1 index2", "Accepted for database 0, the only one", "O(1)",
             flag_fast),
    node_row("MODULE LIST", 2, module_list, "", "None: there are no modules", "O(1)",
             flag_admin | flag_noscript),
    node_row("CONFIG HELP", 2, help_of_subcommands, "", "The subcommands of CONFIG", "O(1)",
             flag_loading | flag_noscript),
    node_row("LOLWUT", -1, lolwut, "[VERSION version]", "A picture", "O(1)", flag_fast),
};

}  // namespace

std::span<const Row> process_rows() {
  return rows;
}

}  // namespace holdfast::node
