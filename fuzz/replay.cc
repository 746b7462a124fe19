// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target's body without libFuzzer: over every file of a corpus
// folder, its prefixes, and a fixed sequence of small changes to it. So each
// corpus is a regression test under every compiler and sanitizer.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// Enough to reach what lies one mistake away from valid input, little enough
// for seconds under a sanitizer.
constexpr std::size_t prefixes_max = 256;
constexpr int changes_per_file = 200;

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

void run_around(const std::string& input) {
  run(input);
  for (std::size_t n = 0; n < std::min(input.size(), prefixes_max); ++n) run(input.substr(0, n));
  if (input.empty()) return;
  std::mt19937 random(static_cast<std::uint32_t>(input.size()));
  for (int i = 0; i < changes_per_file; ++i) {
    std::string changed = input;
    const std::size_t at = random() % changed.size();
    switch (random() % 3) {
      case 0:
        changed[at] = static_cast<char>(random());
        break;
      case 1:
        changed.insert(at, 1, static_cast<char>(random()));
        break;
      default:
        changed.erase(at, 1 + random() % 8);
        break;
    }
    run(changed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  run_around("");
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path folder(argv[i]);
    if (!std::filesystem::is_directory(folder)) continue;  // a target whose corpus is still empty
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::ifstream file(entry.path(), std::ios::binary);
      run_around(std::string(std::istreambuf_iterator<char>(file), {}));
      ++files;
    }
  }
  std::printf("replayed %zu files\n", files);
  return 0;
}
