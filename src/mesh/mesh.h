// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "mesh/checkpoint_stream.h"
#include "mesh/inbound.h"
#include "mesh/messages.h"
#include "mesh/peer_connection.h"
#include "mesh/question.h"
#include "mesh/replication.h"
#include "mesh/transport.h"
#include "mesh/whereabouts.h"

namespace holdfast::mesh {

/// The connections over which nodes replicate: this node dials each peer and
/// sends it its log there; on those that peers have dialed it takes theirs. On
/// the transport's thread.
class Mesh {
 public:
  struct Options {
    std::string cluster;
    std::string node;
    Secret secret;  // empty: nodes do not sign in
    std::shared_ptr<const tls::RenewableIdentity> tls;
    std::uint8_t version = protocol_version;  // the newest that it speaks
    /// Packs what it sends: nothing, where the other is on another machine.
    std::optional<bool> packs;
    /// Where nodes find one another through the mesh itself; it says whom to dial.
    /// Nothing: set_peers() does.
    Whereabouts* where = nullptr;
  };
  Mesh(Transport& transport, Replication& replication, Options options);
  ~Mesh();

  /// The others' addresses ("HOST:PORT"); connections to any else end.
  void set_peers(const std::vector<std::string>& addresses);

  /// Where this node is, to be told to the others.
  void set_place(Whereabouts::Place place) { place_ = std::move(place); }
  /// Whether this node has data, if only none: until then it asks who is there and
  /// has, and does not replicate. At first: yes.
  void set_has_data(bool has) { has_data_ = has; }
  bool has_data() const { return has_data_; }
  /// What was found out while it had not. Of all whom it is to dial.
  enum class Found {
    unknown,  // somebody has not answered yet
    data,     // somebody has some
    none,     // nobody has
  };
  Found found() const;
  /// Whether all that are to be dialed have answered, or could not be reached once.
  bool has_asked_all() const;
  /// Who says that another node with this one's id is connected to it, and runs: two
  /// processes of one id, such as of a copied data folder, would write under one name.
  std::optional<std::string> id_is_taken() const;
  /// Whether who greets has the id of a node that is connected here, but is none.
  bool is_taken(const Hello& by) const;
  /// How this node greets, and answers greetings.
  Hello hello(Purpose purpose) const;
  /// Whether connections are taken over at present.
  Status admits() const;
  /// Who greets has lost its data and begins anew: Holdings::begins_anew(). kBusy: another
  /// incarnation of it is connected here, and is the later one if it stays.
  Status admit(const Hello& hello);
  /// Takes over an accepted connection behind its greeting.
  void adopt(std::unique_ptr<ByteStream> stream, tls::Channel channel, FrameReader reader,
             FrameWriter writer, const Hello& hello);

  // -- What replicas say of a key

  using Respond = std::function<void(const Answer&)>;
  struct Questions {
    /// A peer asks: `respond` is to be called once, now or later.
    std::function<void(const Question& question, Respond respond)> asked;
    /// What became of a question of this node's. None comes once the connection is lost.
    std::function<void(const std::string& node, const Answer& answer)> answered;
  };
  void set_questions(Questions questions) { questions_ = std::move(questions); }
  /// Asks the node. kUnavailable: it cannot be asked now, and why.
  Status ask(const std::string& node, const Question& question);

  // -- Published messages: at most once, to who is connected and listens.

  /// Hears of those that peers publish.
  void set_heard(std::function<void(const Message&)> heard) { heard_ = std::move(heard); }
  /// Whether anybody listens here; the peers are told. At first: nobody.
  void set_listens(bool listens) { listens_ = listens; }
  /// Sent by the next turn().
  void publish(const Message& message);
  struct MessageCounters {
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0;  // a peer takes them too slowly
    std::uint64_t heard = 0;
  };
  const MessageCounters& message_counters() const { return message_counters_; }

  // -- Caches that clients keep: up to where in the strong log they have been told.

  /// Those here have: every peer is told, now where it can be, in any case by a turn(). Never less
  /// than before.
  void tell(Position told);
  /// Hears of those at peers.
  void set_told(std::function<void(const std::string& node, Position told)> on_told) {
    on_told_ = std::move(on_told);
  }

  /// Sends what there is to send. When no entry is open.
  void turn(Instant wall, Monotonic now);
  /// When the next turn is wanted at the latest; max(): none is.
  Monotonic wanted_at() const { return wanted_at_; }
  /// Sends what a turn may have left for the next, before stop().
  void send_rest();
  void stop();

  struct Peer {
    std::string address;
    std::string node;  // empty: it has not said yet
    bool connected = false;
    std::string trouble;               // why not
    std::uint64_t entries_behind = 0;  // of this node's log, that it has not merged
    std::uint64_t sent_bytes = 0;      // of it, reports included, since this node's start
  };
  std::vector<Peer> peers() const;

 private:
  // Both ends of a connection tell how fresh they are.
  struct Beat {
    std::uint64_t heard = 0;   // the peer's last time, to be sent back
    std::uint64_t places = 0;  // Whereabouts::changes() when they were told
  };
  struct Dialed;
  struct Accepted;
  void dial(Dialed& peer, Monotonic now);
  void dialed(const std::shared_ptr<Dialed>& peer, std::unique_ptr<ByteStream> stream);
  bool on_frame(const std::shared_ptr<Dialed>& peer, const Frame& frame);
  bool on_frame(const std::shared_ptr<Accepted>& peer, const Frame& frame);
  bool take_answer(Dialed& peer, std::string_view body);
  Status take_messages(Accepted& peer, std::string_view body);
  Status take_question(const std::shared_ptr<Accepted>& peer, std::string_view body);
  void lost(Dialed& peer, const std::string& why);
  void lost(const std::shared_ptr<Accepted>& peer);
  void sign_in(Dialed& peer, std::string_view challenge);
  bool greeted(const std::shared_ptr<Dialed>& peer, const Hello& hello);
  void probed(Dialed& peer, const Hello& hello);
  void begin(PeerConnection& connection);
  Status send_log(Dialed& peer);
  void tell_told(Dialed& peer);
  Status take_told(const Accepted& peer, std::string_view body);
  void report(PeerConnection& connection, Beat& beat);
  void tell_places(PeerConnection& connection, Beat& beat);
  Status heard_places(std::string_view body);
  Status heard(const Report& report, Beat& beat);
  bool is_another(const Holding& itself) const;
  void note_lives(const Holding& itself);

  Transport& transport_;
  Replication& replication_;
  Options options_;
  std::map<std::string, std::shared_ptr<Dialed>> dialed_;  // by address
  std::vector<std::shared_ptr<Accepted>> accepted_;
  // When each node's incarnation that is known last said that it is, or began anew, or was
  // first told of. A report of another lay in a queue, perhaps, since before: it counts once it
  // brings back a time of this node's that is later, which only one that lives now can have.
  struct Lived {
    eventual::OriginId origin;
    Monotonic at{};
  };
  std::map<std::string, Lived> lived_at_;
  std::uint64_t lives_seen_ = 0;  // Holdings::member_changes() that it goes by
  Monotonic now_{};
  Monotonic report_at_{};
  Monotonic wanted_at_ = Monotonic::max();
  Monotonic send_log_at_{};  // not earlier, but where a turn left some
  bool sent_log_ = false;    // some of it in this turn
  std::optional<Report> report_;
  Questions questions_;
  std::function<void(const Message&)> heard_;
  bool listens_ = false;
  Position told_;  // 0: nobody is told
  std::function<void(const std::string& node, Position told)> on_told_;
  MessageCounters message_counters_;
  Whereabouts::Place place_;
  std::uint64_t places_seen_ = 0;
  bool has_data_ = true;
  bool stopped_ = false;
};

}  // namespace holdfast::mesh
