// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "mesh/frame.h"

namespace holdfast::mesh {

/// The protocol's version, and the oldest that is still spoken: nodes of a cluster
/// are upgraded one after the other. Both ends speak the newest that both know.
/// Version 2 packs entries, version 3 knows questions, version 4
/// carries published messages, version 5 says what caches have been told.
inline constexpr std::uint8_t protocol_version = 5;
inline constexpr std::uint8_t protocol_version_oldest = 1;
inline constexpr std::uint8_t protocol_version_packing = 2;
inline constexpr std::uint8_t protocol_version_questions = 3;
inline constexpr std::uint8_t protocol_version_messages = 4;
inline constexpr std::uint8_t protocol_version_told = 5;

enum class Purpose : std::uint8_t {
  checkpoint = 1,  // the strong keyspaces'
  replication,
  whole_checkpoint,  // for a node that has nothing yet
  probe,             // who is there, and does it have data
};

/// The first frame of a connection, from whoever opened it; and the answer where it
/// is met by one (docs/formats/checkpoint-stream.md). Later versions only add fields
/// at its end.
struct Hello {
  std::uint8_t version = protocol_version;
  std::uint8_t oldest = protocol_version_oldest;
  Purpose purpose = Purpose::checkpoint;
  std::string cluster;
  std::string node;              // who says so
  std::uint64_t origin = 0;      // its log's incarnation
  std::string nonce;             // nonce_bytes of them where it signs in, else none
  bool has_data = true;          // or has yet to find out whether there are any
  bool id_is_taken = false;      // an answer: who was greeted by another, which runs, has its id
  std::string address;           // where it is reached; empty: others know
  std::uint64_t since = 0;       // when it began to be there, its wall clock's milliseconds
  std::uint64_t has_of_you = 0;  // an answer: the last it has of the log it was greeted from
  bool operator==(const Hello&) const = default;
};
std::string encode(const Hello& hello);
void put_hello(FrameWriter& writer, std::string& out, const Hello& hello);
/// kCorrupt: no greeting. Where there is no version in common only `version` and
/// `oldest` are read.
Result<Hello> read_hello(const Frame& frame);

/// The version to be spoken with who greets so, by a node that knows `newest` and
/// those before it. kErr: there is none, and why.
Result<std::uint8_t> common_version(const Hello& hello, std::uint8_t newest = protocol_version);

/// A peer's words go into our log: one line of them, and nothing a terminal obeys.
std::string printable(std::string_view text);

}  // namespace holdfast::mesh
