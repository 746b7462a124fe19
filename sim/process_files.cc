// SPDX-License-Identifier: Apache-2.0
#include "sim/process_files.h"

#include <utility>

#include "sim/process.h"

namespace holdfast::sim {

namespace {
tl::unexpected<Error> gone() {
  return fail(Code::io, "the process has ended");
}
}  // namespace

class ProcessFile final : public File {
 public:
  ProcessFile(std::shared_ptr<Process> process, std::unique_ptr<File> under)
      : process_(std::move(process)), under_(std::move(under)) {}
  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    return process_->spend_change() ? under_->write_at(offset, bytes) : gone();
  }
  Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    return under_->read_at(offset, size);
  }
  Status sync() override { return process_->spend_change() ? under_->sync() : gone(); }
  Result<std::uint64_t> size() override { return under_->size(); }
  Status truncate(std::uint64_t size) override {
    return process_->spend_change() ? under_->truncate(size) : gone();
  }
  Status allocate(std::uint64_t size) override {
    return process_->spend_change() ? under_->allocate(size) : gone();
  }

 private:
  std::shared_ptr<Process> process_;
  std::unique_ptr<File> under_;
};

class ProcessFiles final : public FileSystem {
 public:
  explicit ProcessFiles(Process& process) : process_(process) {}
  Result<std::unique_ptr<File>> open(const std::string& path, bool create) override {
    if (!process_.is_alive()) return gone();
    auto file = under().open(path, create);
    if (!file) return file;
    return std::make_unique<ProcessFile>(process_.shared_from_this(), std::move(*file));
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return under().list(directory);
  }
  Status make_directory(const std::string& path) override {
    return process_.spend_change() ? under().make_directory(path) : gone();
  }
  Status rename(const std::string& from, const std::string& to) override {
    return process_.spend_change() ? under().rename(from, to) : gone();
  }
  Status remove(const std::string& path) override {
    return process_.spend_change() ? under().remove(path) : gone();
  }
  Status sync_directory(const std::string& path) override {
    return process_.spend_change() ? under().sync_directory(path) : gone();
  }

 private:
  FileSystem& under() { return process_.host_.files; }
  Process& process_;
};

std::unique_ptr<FileSystem> make_process_files(Process& process) {
  return std::make_unique<ProcessFiles>(process);
}

}  // namespace holdfast::sim
