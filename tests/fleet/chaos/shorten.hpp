#pragma once

#include <atomic>

#include "bed.hpp"

namespace polymetis::testing {

/// A schedule that breaks a promise, with as little in it as was found.
struct Shortened {
  std::string wrong;  ///< the promise it breaks, perhaps another one; "": the whole schedule alone breaks none
  std::string schedule;
  std::string left;  ///< of each kind of thing that could be taken out
  unsigned runs = 0;
  bool ended = true;  ///< no more can be taken out; else the effort has come to its bound
  bool is_shorter = false;
};

Script script_of(std::uint64_t seed);
/// Runs `script`; twice for every 50th seed, and then both runs must give the same results.
Verdict judge(std::uint64_t seed, const Script& script, const Networks& networks);
/// Of a seed whose schedule breaks a promise. Once `stop` is set it ends soon.
Shortened shorten(std::uint64_t seed, const std::atomic<bool>& stop);

}  // namespace polymetis::testing
