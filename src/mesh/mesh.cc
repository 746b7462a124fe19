// SPDX-License-Identifier: Apache-2.0
#include "mesh/mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/logging.h"
#include "base/wire.h"

namespace holdfast::mesh {
namespace {

constexpr Millis report_interval{50};
constexpr std::chrono::microseconds send_interval{1'500};
constexpr Millis silence_max{2'000};  // reports come far more often
constexpr Millis alive_max{1'000};
// The kernel repeats a lost SYN only after a second: soon after a partition heals
// there shall be an attempt that began behind it. Some are patient, for networks
// that are slow: fewer where it is known how long it takes.
constexpr Millis connect_max{300};
constexpr Millis connect_max_patient{2'000};
constexpr unsigned patient_every = 4;
// Where it is known: mostly soon, now and then as long as it might take elsewhere.
constexpr Millis connect_max_known{100};
constexpr unsigned usual_every_known = 8;
constexpr unsigned patient_every_known = 64;
constexpr Millis pause_first{50};
constexpr Millis pause_max{100};
// Handed to the kernel, and as much again made ready meanwhile.
constexpr std::size_t output_bytes = 1_MiB;

}  // namespace

struct Mesh::Dialed {
  explicit Dialed(std::string to) : address(std::move(to)) {}

  std::string address;
  std::unique_ptr<Transport::Attempt> connecting;
  std::shared_ptr<PeerConnection> connection;
  std::string node;                                // that it says it is
  Hello hello;                                     // that it was sent
  std::uint8_t version = protocol_version_oldest;  // that is spoken with it
  bool signed_in = false;
  Beat beat;
  bool begun = false;
  bool dropped = false;  // nobody wants it any more
  // Where it is to be found out who is there, before anything is sent.
  bool probing = false;  // this connection
  bool met = false;
  bool is_self = false;
  bool has_data = false;
  bool says_taken = false;
  Monotonic since{};          // of the connecting
  bool has_more_log = false;  // than one turn sends
  Monotonic not_before{};
  Millis pause{0};
  unsigned attempts = 0;
  std::optional<Monotonic::duration> took;  // to connect, when it last did

  Monotonic::duration patience() const {
    if (attempts % (took ? patient_every_known : patient_every) == 0) return connect_max_patient;
    if (!took || attempts % usual_every_known == 0) return connect_max;
    return std::max<Monotonic::duration>(connect_max_known, 4 * *took);
  }
  std::size_t unanswered = 0;  // questions on this connection
  bool listens = false;        // it says that somebody does there
  Position told;               // Mesh::told_ when it was told last
  MessagesOut messages;
  std::uint64_t sent_bytes = 0;  // by connections before this one
  std::string trouble = "not dialed yet";
};

struct Mesh::Accepted {
  explicit Accepted(Replication& to)
      : inbound([this, &to](std::string_view entry) { return to.receive(view, entry); }) {}

  std::string node;
  std::uint64_t since = 0;    // Hello::since
  eventual::OriginId origin;  // 0: it has not reported yet
  eventual::View view;        // when it first did
  Beat beat;
  std::shared_ptr<PeerConnection> connection;
  Inbound inbound;
  std::size_t unanswered = 0;                      // questions of its
  std::uint8_t version = protocol_version_oldest;  // that is spoken with it
  bool told_listens = false;
  MessagesIn messages;
  bool over = false;
  std::string told;  // the reason it was last stalled for, logged once
};

Mesh::Mesh(Transport& transport, Replication& replication, Options options)
    : transport_(transport), replication_(replication), options_(std::move(options)) {}

Mesh::~Mesh() {
  stop();
}

void Mesh::stop() {
  stopped_ = true;
  for (auto& [address, peer] : dialed_) {
    peer->dropped = true;
    peer->connecting.reset();
    if (peer->connection) peer->connection->close();
  }
  for (auto& peer : accepted_) peer->connection->close();
  dialed_.clear();
  accepted_.clear();
}

void Mesh::set_peers(const std::vector<std::string>& addresses) {
  for (auto it = dialed_.begin(); it != dialed_.end();) {
    if (std::ranges::find(addresses, it->first) != addresses.end()) {
      ++it;
      continue;
    }
    it->second->dropped = true;
    it->second->connecting.reset();
    if (it->second->connection) it->second->connection->close();
    it = dialed_.erase(it);
  }
  for (const std::string& address : addresses) {
    if (!dialed_.contains(address)) dialed_.emplace(address, std::make_shared<Dialed>(address));
  }
}

Mesh::Found Mesh::found() const {
  Found found = Found::none;
  for (const auto& [address, peer] : dialed_) {
    if (peer->met && !peer->is_self && peer->has_data) return Found::data;
    if (!peer->met) found = Found::unknown;
  }
  return options_.where != nullptr && options_.where->changes() != places_seen_ ? Found::unknown
                                                                                : found;
}

bool Mesh::has_asked_all() const {
  return std::ranges::all_of(dialed_, [](const auto& dialed) {
    const Dialed& peer = *dialed.second;
    return peer.met || (peer.attempts > 0 && !peer.connecting && !peer.connection);
  });
}

std::optional<std::string> Mesh::id_is_taken() const {
  for (const auto& [address, peer] : dialed_) {
    if (peer->says_taken) return peer->node;
  }
  return std::nullopt;
}

bool Mesh::is_taken(const Hello& by) const {
  // A connection that has ended without a word is silent soon.
  return by.since != 0 && std::ranges::any_of(accepted_, [&](const auto& peer) {
           return peer->node == by.node && peer->since != 0 && peer->since != by.since &&
                  now_ - peer->connection->heard_at() < alive_max;
         });
}

std::vector<Mesh::Peer> Mesh::peers() const {
  std::vector<Peer> peers;
  for (const auto& [address, peer] : dialed_) {
    if (peer->is_self) continue;
    Peer& told = peers.emplace_back(Peer{.address = address, .node = peer->node});
    told.sent_bytes = peer->sent_bytes;
    if (peer->connection) told.sent_bytes += peer->connection->sent_bytes();
    told.connected = peer->begun;
    if (!peer->begun) told.trouble = peer->trouble;
    if (!peer->node.empty()) told.entries_behind = replication_.outbound(peer->node).behind();
  }
  return peers;
}

// ---- Where this node sends its log

void Mesh::dial(Dialed& peer, Monotonic now) {
  peer.since = now;
  ++peer.attempts;
  peer.connecting = transport_.dial(peer.address, [this, self = dialed_.at(peer.address)](
                                                      Result<std::unique_ptr<ByteStream>> stream) {
    if (self->dropped) return;
    if (!stream) return lost(*self, stream.error().message);
    self->connecting.reset();
    self->took = (*stream)->now() - self->since;
    dialed(self, std::move(*stream));
  });
}

void Mesh::dialed(const std::shared_ptr<Dialed>& peer, std::unique_ptr<ByteStream> stream) {
  peer->connection = std::make_shared<PeerConnection>(std::move(stream),
                                                      tls::Channel::dialing(options_.tls.get()));
  peer->probing = options_.where != nullptr && !(has_data_ && peer->met && peer->has_data);
  peer->hello = hello(peer->probing ? Purpose::probe : Purpose::replication);
  peer->signed_in = options_.secret.empty();
  if (!peer->signed_in) peer->hello.nonce = make_nonce();
  put_hello(peer->connection->frames(), peer->connection->output(), peer->hello);
  if (peer->signed_in && !peer->probing) {
    begin(*peer->connection);
  } else {
    peer->connection->send();
  }
  peer->connection->start(
      {.frame = [this, peer](const Frame& frame) { return on_frame(peer, frame); },
       .ended =
           [this, peer](const Error& why) {
             if (!peer->dropped) lost(*peer, why.message);
           }});
}

bool Mesh::on_frame(const std::shared_ptr<Dialed>& peer, const Frame& frame) {
  if (frame.type == FrameType::error) {
    lost(*peer, read_error(frame).message);
    return false;
  }
  if (!peer->signed_in) {
    if (frame.type == FrameType::challenge) {
      sign_in(*peer, frame.body);
      return true;
    }
    lost(*peer, "who answers does not sign in with the cluster's secret");
    return false;
  }
  if (frame.type == FrameType::hello) {
    const auto hello = read_hello(frame);
    const auto version =
        hello ? common_version(*hello, options_.version) : tl::unexpected(hello.error());
    if (!version || hello->cluster != options_.cluster) {
      lost(*peer, "who answers is no node of this cluster");
      return false;
    }
    peer->version = *version;
    return greeted(peer, *hello);
  }
  if (frame.type == FrameType::places) {
    const Status taken = heard_places(frame.body);
    if (!taken) lost(*peer, taken.error().message);
    return taken.has_value();
  }
  if (frame.type == FrameType::answer && peer->unanswered > 0)
    return take_answer(*peer, frame.body);
  if (frame.type == FrameType::listens && options_.version >= protocol_version_messages) {
    peer->listens = frame.body == "\x01";
    return true;
  }
  const auto report = frame.type == FrameType::report ? decode_report(frame.body)
                                                      : fail(Code::corrupt, "an unexpected frame");
  if (!report || peer->node.empty() || report->holdings.front().node != peer->node) {
    lost(*peer, "what it says makes no sense");
    return false;
  }
  if (const Status s = heard(*report, peer->beat); !s) {
    lost(*peer, s.error().message);
    return false;
  }
  Outbound& outbound = replication_.outbound(peer->node);
  if (std::exchange(peer->begun, true)) {
    outbound.heard(*report);
  } else {
    logging::info("replicating to '{}' at {}", peer->node, peer->address);
    const bool packs = peer->version >= protocol_version_packing &&
                       options_.packs.value_or(!peer->connection->is_on_this_machine());
    outbound.begin(*report, packs);
    peer->pause = Millis(0);
  }
  return true;
}

bool Mesh::greeted(const std::shared_ptr<Dialed>& peer, const Hello& hello) {
  if (peer->probing) {
    probed(*peer, hello);
    return false;
  }
  peer->node = hello.node;
  if (options_.where != nullptr) {
    replication_.meet(hello.node, {hello.origin});
    options_.where->answered(peer->address, hello.node, {hello.address, hello.since});
    tell_places(*peer->connection, peer->beat);
  }
  return true;
}

void Mesh::probed(Dialed& peer, const Hello& hello) {
  peer.sent_bytes += peer.connection->sent_bytes();
  std::exchange(peer.connection, nullptr)->close();
  peer.not_before = now_ + pause_max;
  peer.is_self = hello.node == options_.node && hello.since == place_.since;
  peer.says_taken = hello.id_is_taken || (hello.node == options_.node && !peer.is_self);
  peer.node = hello.node;
  if (peer.says_taken) {
    peer.trouble = hello.id_is_taken ? "another node that is connected to it has this one's id"
                                     : "it has this one's id, and is another";
    return;  // to ask again
  }
  peer.met = true;
  peer.has_data = hello.has_data;
  replication_.others_have(hello.has_of_you);
  if (peer.is_self) return options_.where->is_self(peer.address);
  peer.trouble = hello.has_data ? "being connected to" : "it has no data yet";
  if (hello.has_data && has_data_) peer.not_before = now_;
  replication_.meet(hello.node, {hello.origin});
  options_.where->answered(peer.address, hello.node, {hello.address, hello.since});
}

void Mesh::sign_in(Dialed& peer, std::string_view challenge) {
  const std::string hello = encode(peer.hello);
  peer.connection->sign(options_.secret.key(End::dialer, hello, challenge),
                        options_.secret.key(End::accepter, hello, challenge));
  peer.connection->frames().put(peer.connection->output(), FrameType::signed_in, {});
  peer.signed_in = true;
  peer.probing ? peer.connection->send() : begin(*peer.connection);
}

void Mesh::lost(Dialed& peer, const std::string& why) {
  if (peer.begun) logging::warning("no longer replicating to '{}': {}", peer.node, why);
  if (!peer.begun && options_.where != nullptr) peer.met = false;  // ask first who is there
  peer.begun = false;
  peer.unanswered = 0;
  peer.listens = false;
  peer.told = {};
  peer.messages.clear();
  peer.beat = {};
  peer.connecting.reset();
  if (peer.connection) {
    peer.sent_bytes += peer.connection->sent_bytes();
    std::exchange(peer.connection, nullptr)->close();
  }
  peer.trouble = why;
  peer.pause = std::clamp(peer.pause * 2, pause_first, pause_max);
  peer.not_before = now_ + peer.pause;
}

// ---- From where others' logs come

Status Mesh::admits() const {
  if (stopped_) return fail(Code::unavailable, "this node is stopping");
  if (!has_data_) return fail(Code::unavailable, "this node has no data yet");
  return {};
}

void Mesh::adopt(std::unique_ptr<ByteStream> stream, tls::Channel channel, FrameReader reader,
                 FrameWriter writer, const Hello& hello) {
  // One that comes again has given up what it had.
  for (const auto& before : std::vector(accepted_)) {
    if (before->node == hello.node) lost(before);
  }
  const auto peer = std::make_shared<Accepted>(replication_);
  peer->node = hello.node;
  peer->since = hello.since;
  peer->version = common_version(hello, options_.version).value_or(protocol_version_oldest);
  peer->connection = std::make_shared<PeerConnection>(std::move(stream), std::move(channel),
                                                      std::move(reader), writer);
  accepted_.push_back(peer);
  if (options_.where != nullptr && !hello.address.empty())
    options_.where->told(hello.node, {hello.address, hello.since});
  // So it can be reached again: there is no need to wait for an attempt to say so.
  for (const auto& [address, back] : dialed_) {
    if (back->node != hello.node || back->connection || now_ - back->since < pause_first) continue;
    back->connecting.reset();
    back->not_before = {};
  }
  put_hello(peer->connection->frames(), peer->connection->output(),
            this->hello(Purpose::replication));
  begin(*peer->connection);
  peer->connection->start(
      {.frame = [this, peer](const Frame& frame) { return on_frame(peer, frame); },
       .ended =
           [this, peer](const Error& why) {
             logging::warning("'{}' no longer replicates to this node: {}", peer->node,
                              why.message);
             lost(peer);
           }});
}

bool Mesh::on_frame(const std::shared_ptr<Accepted>& peer, const Frame& frame) {
  Status taken;
  if (frame.type == FrameType::report) {
    const auto report = decode_report(frame.body);
    if (!report) {
      taken = tl::unexpected(report.error());
    } else if (report->holdings.front().node != peer->node) {
      taken = fail(Code::corrupt, "it reports as another node");
    } else if (replication_.holdings().has_ended(report->holdings.front().origin)) {
      taken = fail(Code::err, "it was taken out, or has begun anew");
    } else {
      taken = heard(*report, peer->beat);
      if (peer->origin.value == 0) peer->view = replication_.holdings().view();
      peer->origin = report->holdings.front().origin;
      replication_.hears(peer->node, peer->origin);
    }
  } else if (frame.type == FrameType::places) {
    taken = heard_places(frame.body);
  } else if (peer->origin.value != 0 &&
             (frame.type == FrameType::entries || frame.type == FrameType::part ||
              (frame.type == FrameType::packed && options_.version >= protocol_version_packing))) {
    taken = peer->inbound.take(frame);
  } else if (peer->origin.value != 0 && frame.type == FrameType::question &&
             options_.version >= protocol_version_questions) {
    taken = take_question(peer, frame.body);
  } else if (frame.type == FrameType::messages && options_.version >= protocol_version_messages) {
    taken = take_messages(*peer, frame.body);
  } else if (peer->origin.value != 0 && frame.type == FrameType::told &&
             options_.version >= protocol_version_told) {
    taken = take_told(*peer, frame.body);
  } else {
    taken = fail(Code::corrupt, "an unexpected frame");
  }
  if (!taken) {
    logging::warning("what '{}' sends cannot be taken: {}", peer->node, taken.error().message);
    lost(peer);
    return false;
  }
  return !peer->inbound.stalled();
}

void Mesh::lost(const std::shared_ptr<Accepted>& peer) {
  if (std::exchange(peer->over, true)) return;
  if (peer->origin.value != 0) replication_.hears_no_more(peer->node);
  peer->connection->close();
  std::erase(accepted_, peer);
}

// ---- What is published

void Mesh::publish(const Message& message) {
  for (auto& [address, peer] : dialed_) {
    if (!peer->begun || !peer->listens || peer->version < protocol_version_messages) continue;
    ++(peer->messages.add(message) ? message_counters_.sent : message_counters_.dropped);
  }
}

Status Mesh::take_messages(Accepted& peer, std::string_view body) {
  peer.messages.take(body);
  while (true) {
    const auto message = peer.messages.next();
    if (!message) return tl::unexpected(message.error());
    if (!*message) return {};
    ++message_counters_.heard;
    if (heard_) heard_(**message);
  }
}

// ---- What caches have been told

void Mesh::tell(Position told) {
  if (stopped_ || told <= told_) return;
  told_ = told;
  for (auto& [address, peer] : dialed_) {
    if (!peer->connection) continue;
    tell_told(*peer);
    peer->connection->send();
  }
}

// One that takes things slowly hears the latest when it has taken what it was sent.
void Mesh::tell_told(Dialed& peer) {
  if (!peer.begun || peer.told == told_ || peer.version < protocol_version_told ||
      peer.connection->unsent_bytes() >= output_bytes)
    return;
  peer.told = told_;
  std::string body;
  wire::put_u64(body, told_.value);
  peer.connection->frames().put(peer.connection->output(), FrameType::told, body);
}

Status Mesh::take_told(const Accepted& peer, std::string_view body) {
  wire::Reader in(body);
  const Position told{in.u64()};
  if (!in.ok() || !in.at_end()) return fail(Code::corrupt, "no word of caches");
  if (on_told_) on_told_(peer.node, told);
  return {};
}

// ---- What replicas say of a key

Status Mesh::ask(const std::string& node, const Question& question) {
  std::string why = "it is not known where it is";
  const std::string told_address = options_.where ? options_.where->address_of(node) : "";
  for (const auto& [address, peer] : dialed_) {
    if (!peer->begun && (peer->node == node || address == told_address)) why = peer->trouble;
    if (!peer->begun || peer->node != node) continue;
    if (peer->version < protocol_version_questions)
      return fail(Code::unavailable, "it runs an older version, which cannot be asked");
    if (peer->unanswered == limits::mesh_questions_max)
      return fail(Code::unavailable, "too many questions wait for it");
    ++peer->unanswered;
    PeerConnection& connection = *peer->connection;
    connection.frames().put(connection.output(), FrameType::question, encode(question));
    connection.send();
    return {};
  }
  return fail(Code::unavailable, std::move(why));
}

bool Mesh::take_answer(Dialed& peer, std::string_view body) {
  --peer.unanswered;
  const auto answer = decode_answer(body);
  if (!answer) {
    lost(peer, answer.error().message);
    return false;
  }
  if (questions_.answered) questions_.answered(peer.node, *answer);
  return true;
}

Status Mesh::take_question(const std::shared_ptr<Accepted>& peer, std::string_view body) {
  const auto question = decode_question(body);
  if (!question) return tl::unexpected(question.error());
  if (peer->unanswered == limits::mesh_questions_max)
    return fail(Code::err, "it asks more than may wait");
  ++peer->unanswered;
  const auto respond = [asker = std::weak_ptr(peer)](const Answer& answer) {
    const auto to = asker.lock();
    if (to == nullptr || to->over) return;
    --to->unanswered;
    PeerConnection& connection = *to->connection;
    connection.frames().put(connection.output(), FrameType::answer, encode(answer));
    connection.send();
  };
  if (!questions_.asked) {
    respond({.number = question->number, .refused = "it answers no questions", .says = {}});
    return {};
  }
  questions_.asked(*question, respond);
  return {};
}

// ---- Both

Hello Mesh::hello(Purpose purpose) const {
  Hello hello;
  hello.version = options_.version;
  hello.purpose = purpose;
  hello.cluster = options_.cluster;
  hello.node = options_.node;
  hello.origin = replication_.holdings().self().origin.value;
  hello.has_data = has_data_;
  hello.address = place_.address;
  hello.since = place_.since;
  return hello;
}

void Mesh::tell_places(PeerConnection& connection, Beat& beat) {
  if (options_.where == nullptr || beat.places == options_.where->changes()) return;
  beat.places = options_.where->changes();
  connection.frames().put(connection.output(), FrameType::places, encode(options_.where->places()));
}

Status Mesh::heard_places(std::string_view body) {
  const auto places = decode_places(body);
  if (!places) return tl::unexpected(places.error());
  if (options_.where != nullptr) options_.where->told(*places);
  return {};
}

void Mesh::begin(PeerConnection& connection) {
  if (report_) {
    // The last turn's: what it tells is older than any time that could be sent back.
    report_->sent = report_->echoed = 0;
    connection.frames().put(connection.output(), FrameType::report, encode(*report_));
  }
  connection.send();
}

void Mesh::report(PeerConnection& connection, Beat& beat) {
  report_->sent = static_cast<std::uint64_t>(now_.time_since_epoch().count());
  report_->echoed = std::exchange(beat.heard, 0);
  connection.frames().put(connection.output(), FrameType::report, encode(*report_));
}

Status Mesh::heard(const Report& report, Beat& beat) {
  beat.heard = report.sent;
  // What comes back cannot be later than now.
  const Monotonic asked{Monotonic::duration(static_cast<Monotonic::rep>(report.echoed))};
  const bool asked_before = report.echoed != 0 && asked <= now_;
  const Holding& itself = report.holdings.front();
  if (is_another(itself) && !(asked_before && asked > lived_at_[itself.node].at)) return {};
  if (asked_before) replication_.fresh(report, asked);
  Status taken = replication_.heard(report);
  note_lives(itself);
  return taken;
}

bool Mesh::is_another(const Holding& itself) const {
  const auto& known = replication_.holdings().all();
  const auto at = known.find(itself.node);
  return at != known.end() && at->second.origin.value != 0 && at->second.origin != itself.origin;
}

void Mesh::note_lives(const Holding& itself) {
  const Holdings& holdings = replication_.holdings();
  if (std::exchange(lives_seen_, holdings.member_changes()) != holdings.member_changes()) {
    for (const auto& [node, holding] : holdings.all()) {
      Lived& known = lived_at_[node];
      if (known.origin != holding.origin) known = {holding.origin, now_};
    }
  }
  Lived& lived = lived_at_[itself.node];
  if (lived.origin == itself.origin) lived.at = now_;
}

Status Mesh::admit(const Hello& hello) {
  if (is_taken(hello))
    return fail(Code::busy, fmt::format("'{}' is connected to this node: not another", hello.node));
  replication_.begins_anew(hello.node, {hello.origin});
  lived_at_[hello.node] = {{hello.origin}, now_};
  return {};
}

// The first of it at once; what follows in the next moment goes together, to all peers in one
// turn: each frame wakes its reader, which writes its log for it, and each pause this node.
Status Mesh::send_log(Dialed& peer) {
  PeerConnection& connection = *peer.connection;
  if (!peer.begun || connection.unsent_bytes() >= output_bytes) return {};
  if (now_ < send_log_at_ && !peer.has_more_log) {
    wanted_at_ = send_log_at_;
    return {};
  }
  const std::size_t before = connection.output().size();
  const auto more =
      replication_.outbound(peer.node).pump(connection.frames(), connection.output(), output_bytes);
  if (!more) return tl::unexpected(more.error());
  peer.has_more_log = *more;
  if (connection.output().size() != before) sent_log_ = true;
  return {};
}

void Mesh::send_rest() {
  for (auto& [address, peer] : dialed_) {
    if (!peer->connection) continue;
    peer->has_more_log = true;
    if (send_log(*peer)) peer->connection->send();
  }
}

void Mesh::turn(Instant wall, Monotonic now) {
  if (stopped_) return;
  now_ = now;
  wanted_at_ = Monotonic::max();
  sent_log_ = false;
  const bool tell = now >= report_at_;
  if (tell) {
    report_at_ = now + report_interval;
    report_ = replication_.report(wall);
  }
  if (options_.where != nullptr && options_.where->changes() != places_seen_) {
    places_seen_ = options_.where->changes();
    set_peers(options_.where->to_dial());
  }
  for (auto& [address, peer] : dialed_) {
    if (peer->is_self) continue;
    if (peer->connecting && now - peer->since > peer->patience()) lost(*peer, "it does not answer");
    if (peer->connection && now - peer->connection->heard_at() > silence_max)
      lost(*peer, "nothing was heard of it");
    if (!peer->connection) {
      if (!peer->connecting && now >= peer->not_before) dial(*peer, now);
      continue;
    }
    PeerConnection& connection = *peer->connection;
    if (connection.unsent_bytes() < output_bytes)
      peer->messages.pump(connection.frames(), connection.output(), output_bytes);
    if (const Status s = send_log(*peer); !s) {
      lost(*peer, s.error().message);
      continue;
    }
    if (peer->begun) tell_places(connection, peer->beat);
    tell_told(*peer);
    if (tell && peer->signed_in && !peer->probing) report(connection, peer->beat);
    connection.send();
  }
  // Not by what a turn had left: who catches up must not put off the others, turn by turn.
  if (sent_log_ && now >= send_log_at_) send_log_at_ = now + send_interval;
  for (const auto& peer : std::vector(accepted_)) {
    if (peer->origin.value != 0 && !(peer->view == replication_.holdings().view())) {
      logging::info("'{}' is to replicate anew: another node began anew", peer->node);
      lost(peer);
      continue;
    }
    if (peer->inbound.stalled()) {
      if (peer->told != peer->inbound.reason().message) {
        peer->told = peer->inbound.reason().message;
        logging::warning("what '{}' sends has to wait: {}", peer->node, peer->told);
      }
      if (const Status s = peer->inbound.retry(); !s) {
        logging::error("what '{}' sends cannot be taken: {}", peer->node, s.error().message);
        lost(peer);
        continue;
      }
      if (!peer->inbound.stalled()) peer->connection->read_on();
    } else if (now - peer->connection->heard_at() > silence_max) {
      lost(peer);
      continue;
    }
    if (peer->over) continue;
    if (peer->version >= protocol_version_messages &&
        std::exchange(peer->told_listens, listens_) != listens_) {
      peer->connection->frames().put(peer->connection->output(), FrameType::listens,
                                     listens_ ? "\x01" : std::string_view("\0", 1));
    }
    tell_places(*peer->connection, peer->beat);
    if (tell) report(*peer->connection, peer->beat);
    peer->connection->send();
  }
}

}  // namespace holdfast::mesh
