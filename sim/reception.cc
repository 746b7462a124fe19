// SPDX-License-Identifier: Apache-2.0
#include "sim/reception.h"

#include <utility>

#include "mesh/checkpoint_stream.h"
#include "mesh/hello.h"

namespace holdfast::sim {
namespace {

/// A connection whose greeting has not come.
struct Guest : std::enable_shared_from_this<Guest> {
  std::unique_ptr<mesh::ByteStream> stream;
  mesh::FrameReader frames{limits::mesh_hello_bytes_max};
  mesh::FrameWriter writer;
  std::string answer;
};

class Receiver final : public ProcessReception {
 public:
  Receiver(Network& network, std::shared_ptr<Party> party, Options options)
      : network_(network), party_(std::move(party)), options_(std::move(options)) {}
  ~Receiver() override {
    *alive_ = false;
    Receiver::stop_accepting();
  }

  const Options& options() const override { return options_; }
  Status listen(std::string_view address, mesh::Reach) override {
    address_ = address;
    network_.listen(
        address_, party_,
        [this, alive = alive_](std::unique_ptr<mesh::ByteStream> stream) {
          if (!*alive) return;
          const auto guest = std::make_shared<Guest>();
          guest->stream = std::move(stream);
          read(guest);
        },
        this);
    return {};
  }
  std::string address() const override { return address_; }
  void stop_accepting() override {
    if (address_.empty()) return;
    if (network_.reception_at(address_) == this) network_.stop_listening(address_);
  }
  Counters counters() const override { return {}; }

 private:
  void read(const std::shared_ptr<Guest>& guest) {
    guest->stream->read(guest->frames.room(),
                        [this, guest, alive = alive_](const Result<std::size_t>& bytes) {
                          if (!bytes || !*alive) return;
                          guest->frames.received(*bytes);
                          const auto frame = guest->frames.next();
                          if (!frame) return;  // it is no node's
                          *frame ? greeted(guest, **frame) : read(guest);
                        });
  }

  void greeted(const std::shared_ptr<Guest>& guest, const mesh::Frame& frame) {
    const auto hello = mesh::read_hello(frame);
    if (!hello || hello->cluster != options_.cluster || !mesh::common_version(*hello)) return;
    if (hello->purpose == mesh::Purpose::replication) {
      guest->frames.allow(limits::mesh_frame_bytes_max);
      return options_.replicate(std::move(guest->stream), tls::Channel(), std::move(guest->frames),
                                guest->writer, *hello);
    }
    if (hello->purpose != mesh::Purpose::probe) return;
    const auto answer = options_.probe(*hello);
    if (!answer) return;
    mesh::put_hello(guest->writer, guest->answer, *answer);
    guest->stream->write(guest->answer, [guest](const Result<std::size_t>&) {});
  }

  Network& network_;
  std::shared_ptr<Party> party_;
  Options options_;
  std::string address_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<mesh::Reception> make_process_reception(Network& network,
                                                        std::shared_ptr<Party> party,
                                                        mesh::Reception::Options options) {
  return std::make_unique<Receiver>(network, std::move(party), std::move(options));
}

}  // namespace holdfast::sim
