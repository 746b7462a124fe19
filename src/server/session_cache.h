// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/backend.h"
#include "server/tracking.h"

namespace holdfast::server {

class Session;

/// What a session has to do with a cache that its client keeps (CLIENT TRACKING): which of its
/// reads are followed, and how the client is told. There is one while tracking is on.
///
/// Invalidations go out at once, before replies that are still owed. A read among those may have
/// run before the change: its reply, which the client will keep, is followed by the
/// invalidation once more.
class SessionCache final : public CacheHolder {
 public:
  SessionCache(Session& session, Tracking& tracking) : session_(session), tracking_(tracking) {}
  ~SessionCache() override { tracking_.end(*this); }

  /// `redirect`: the CLIENT ID of who is told instead; 0: the session itself.
  Status begin(TrackingMode mode, std::uint64_t redirect);
  const TrackingMode& mode() const { return *tracking_.mode_of(*this); }
  std::uint64_t redirect() const { return redirect_; }
  bool is_broken() const { return broken_; }  // who was to be told has gone

  /// CLIENT CACHING: of the next command but those of CLIENT, or transaction. kErr: the mode has no
  /// use for it.
  Status set_caching(bool yes);
  std::optional<bool> caching() const { return caching_; }
  /// What was said of the next command is of no more.
  void command_ended() { caching_.reset(); }

  // -- Of each request: before it is handed over, and if it was not answered at once, when it
  // is.
  void handing_over(const Request& request);
  void promised(std::uint64_t sequence);
  void answering(std::uint64_t sequence);

  std::uint64_t writer_id() const override;
  void forget_keys(std::span<const std::string_view> keys) override;
  void forget_all() override;
  void cut(std::string_view why) override;

 private:
  struct UnderWay {
    std::uint64_t sequence;
    std::vector<std::string> keys;
    bool is_old = false;  // one of them may have changed since it was read
  };

  void reads(const Row& row, Args args);
  bool follows() const;
  std::string message(std::optional<std::span<const std::string_view>> keys, bool for_resp2) const;
  void send(std::optional<std::span<const std::string_view>> keys);

  Session& session_;
  Tracking& tracking_;
  std::uint64_t redirect_ = 0;
  bool broken_ = false;
  std::optional<bool> caching_;
  std::vector<std::string> reading_;  // keys of the request that is handed over
  std::deque<UnderWay> under_way_;    // by sequence
};

}  // namespace holdfast::server
