// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.h"
#include "tls/identity.h"

/// For tests: who signs certificates, and nodes that have one.
namespace holdfast::tls::testing {

/// PEM files in a folder of their own, as an operator would make them.
class Certificates {
 public:
  static constexpr long day_seconds = 24L * 3600;

  explicit Certificates(const std::string& name) {
    std::string pattern = (std::filesystem::temp_directory_path() / "hf-tls-XXXXXX").string();
    HF_ASSERT(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    key_ = make_key();
    certificate_ = sign({name}, key_.get(), day_seconds);
    write(ca(), [&](FILE* file) { return PEM_write_X509(file, certificate_.get()); });
  }
  ~Certificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  std::string ca() const { return folder_ + "/ca.pem"; }
  std::string certificate(const std::string& name) const { return folder_ + "/" + name + ".pem"; }
  std::string key(const std::string& name) const { return folder_ + "/" + name + ".key"; }

  /// Signs one for the name. It ends so long from now on, or before.
  void issue(const std::string& name, long valid_seconds = day_seconds) {
    issue_as(name, {name}, valid_seconds);
  }
  /// One whose subject has these names, in the files of another.
  void issue_as(const std::string& files, const std::vector<std::string>& names,
                long valid_seconds = day_seconds) {
    const auto key = make_key();
    const auto signed_one = sign(names, key.get(), valid_seconds);
    write(certificate(files), [&](FILE* file) { return PEM_write_X509(file, signed_one.get()); });
    write(this->key(files), [&](FILE* file) {
      return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  /// Writes the name's key again, to be had with the passphrase only.
  void lock_key(const std::string& name, const std::string& passphrase) {
    const auto key = make_key();
    write(this->key(name), [&](FILE* file) {
      return PEM_write_PrivateKey(file, key.get(), EVP_aes_128_cbc(),
                                  reinterpret_cast<const unsigned char*>(passphrase.data()),
                                  static_cast<int>(passphrase.size()), nullptr, nullptr);
    });
  }
  Files files(const std::string& name) const { return {ca(), certificate(name), key(name)}; }

  /// A node's, newly issued.
  std::shared_ptr<RenewableIdentity> identity(const std::string& node) {
    issue(node);
    return RenewableIdentity::load(Identity::for_nodes, files(node)).value();
  }
  /// A server's, newly issued, which believes clients that this signs.
  std::shared_ptr<RenewableIdentity> server(const std::string& name = "server") {
    issue(name);
    return RenewableIdentity::load(Identity::for_clients, files(name)).value();
  }

 private:
  using Key = std::shared_ptr<EVP_PKEY>;
  using Certificate = std::shared_ptr<X509>;

  static Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

  /// By the CA; the CA's own by itself.
  Certificate sign(const std::vector<std::string>& names, EVP_PKEY* key, long valid_seconds) {
    Certificate made(X509_new(), X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -2 * day_seconds);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), valid_seconds);
    X509_set_pubkey(made.get(), key);
    for (const std::string& name : names) {
      X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(name.data()),
                                 static_cast<int>(name.size()), -1, 0);
    }
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

}  // namespace holdfast::tls::testing
