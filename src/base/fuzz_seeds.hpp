#pragma once

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>

namespace polymetis::base {

/// For `LLVMFuzzerInitialize`: where the build asks for seeds (`POLYMETIS_FUZZ_SEEDS` names a directory), writes one file a seed there and
/// ends the process.
inline void write_fuzz_seeds(std::span<const std::string> seeds) {
  const char* directory = std::getenv("POLYMETIS_FUZZ_SEEDS");
  if (directory == nullptr) return;
  for (std::size_t i = 0; i < seeds.size(); ++i) std::ofstream(std::string(directory) + "/seed-" + std::to_string(i), std::ios::binary) << seeds[i];
  std::_Exit(0);
}

}  // namespace polymetis::base
