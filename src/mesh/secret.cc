// SPDX-License-Identifier: Apache-2.0
#include "mesh/secret.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <memory>

#include "base/assert.h"
#include "base/wire.h"

namespace holdfast::mesh {
namespace {

constexpr std::size_t digest_bytes = FrameKey::bytes_max;
constexpr std::string_view purpose = "holdfast mesh frames";

std::array<char, digest_bytes> hmac(std::string_view key,
                                    std::initializer_list<std::string_view> parts) {
  static EVP_MAC* const method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context(EVP_MAC_CTX_new(method),
                                                                          EVP_MAC_CTX_free);
  const auto bytes_of = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  bool done =
      context != nullptr && EVP_MAC_init(context.get(), bytes_of(key), key.size(), parameters) == 1;
  for (const std::string_view part : parts)
    done = done && EVP_MAC_update(context.get(), bytes_of(part), part.size()) == 1;
  std::array<char, digest_bytes> out;
  std::size_t size = 0;
  done = done && EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                               out.size()) == 1;
  HF_ASSERT(done && size == out.size());  // it fails only without memory
  return out;
}

}  // namespace

FrameKey::FrameKey(std::string_view bytes) {
  HF_ASSERT(bytes.size() <= bytes_max);
  std::ranges::copy(bytes, bytes_.begin());
}

std::uint64_t FrameKey::tag(std::string_view frame, std::uint64_t place) const {
  std::string where;
  wire::put_u64(where, place);
  const auto digest = hmac({bytes_.data(), bytes_.size()}, {where, frame});
  wire::Reader first({digest.data(), sizeof(std::uint64_t)});
  return first.u64();
}

FrameKey Secret::key(End writer, std::string_view hello, std::string_view challenge) const {
  std::string who;
  wire::put_u8(who, static_cast<std::uint8_t>(writer));
  wire::put_varint(who, hello.size());
  const auto digest = hmac(bytes_, {purpose, who, hello, challenge});
  return FrameKey({digest.data(), digest.size()});
}

std::string make_nonce() {
  std::string nonce(nonce_bytes, '\0');
  const int done =
      RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()), static_cast<int>(nonce.size()));
  HF_ASSERT(done == 1);
  return nonce;
}

}  // namespace holdfast::mesh
