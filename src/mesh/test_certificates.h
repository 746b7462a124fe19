// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/assert.h"
#include "mesh/tls.h"

/// For this folder's tests: who signs certificates, and nodes that have one.
namespace holdfast::mesh::testing {

/// PEM files in a folder of their own, as an operator would make them.
class Certificates {
 public:
  explicit Certificates(const std::string& name) {
    std::string pattern = (std::filesystem::temp_directory_path() / "hf-tls-XXXXXX").string();
    HF_ASSERT(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    key_ = make_key();
    certificate_ = sign(name, key_.get());
    write(ca(), [&](FILE* file) { return PEM_write_X509(file, certificate_.get()); });
  }
  ~Certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  std::string ca() const { return folder_ + "/ca.pem"; }
  std::string certificate(const std::string& node) const { return folder_ + "/" + node + ".pem"; }
  std::string key(const std::string& node) const { return folder_ + "/" + node + ".key"; }

  /// Signs one for the node.
  void issue(const std::string& node) {
    const auto key = make_key();
    const auto signed_one = sign(node, key.get());
    write(certificate(node), [&](FILE* file) { return PEM_write_X509(file, signed_one.get()); });
    write(this->key(node), [&](FILE* file) {
      return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  std::shared_ptr<const TlsIdentity> identity(const std::string& node) {
    issue(node);
    auto identity = TlsIdentity::load(ca(), certificate(node), key(node));
    HF_ASSERT(identity.has_value());
    return *identity;
  }

 private:
  using Key = std::shared_ptr<EVP_PKEY>;
  using Certificate = std::shared_ptr<X509>;

  static Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

  /// By the CA; the CA's own by itself.
  Certificate sign(const std::string& name, EVP_PKEY* key) {
    constexpr long day_seconds = 24L * 3600;
    Certificate made(X509_new(), X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -day_seconds);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), day_seconds);
    X509_set_pubkey(made.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509* const issuer = certificate_ ? certificate_.get() : made.get();
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
    if (!certificate_) {
      X509_EXTENSION* const is_ca =
          X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
      X509_add_ext(made.get(), is_ca, -1);
      X509_EXTENSION_free(is_ca);
    }
    HF_ASSERT(X509_sign(made.get(), key_.get(), EVP_sha256()) != 0);
    return made;
  }

  template <typename Write>
  static void write(const std::string& path, const Write& put) {
    FILE* const file = fopen(path.c_str(), "w");
    HF_ASSERT(file != nullptr && put(file) == 1);
    fclose(file);
  }

  std::string folder_;
  Key key_;
  Certificate certificate_;
  long serial_ = 0;
};

}  // namespace holdfast::mesh::testing
