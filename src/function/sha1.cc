// SPDX-License-Identifier: Apache-2.0
#include "function/sha1.h"

#include <absl/strings/escaping.h>
#include <openssl/sha.h>

#include <array>

namespace holdfast::function {

std::string sha1_hex(std::string_view text) {
  std::array<char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(digest.data()));
  return absl::BytesToHexString({digest.data(), digest.size()});
}

}  // namespace holdfast::function
