#pragma once

#include <atomic>

#include "bed.hpp"

namespace polymetis::testing {

/// A schedule that breaks a promise, with as little in it as could be found.
struct Shortened {
  std::string wrong;  ///< the promise it breaks, perhaps another one
  std::string schedule;
  std::string left;  ///< of each kind of thing that could be taken out
  unsigned runs = 0;
  bool ended = true;        ///< no more can be taken out; else the effort has come to its bound
  bool is_shorter = false;  ///< false: nothing could be taken out, or what is wrong needs schedules that ran before
};

Script script_of(std::uint64_t seed);
/// Runs `script`; twice for every 50th seed, and then both runs must give the same results.
Verdict judge(std::uint64_t seed, const Script& script, const Networks& networks);
/// Of a seed whose schedule broke the promise `wrong`. Once `stop` is set it ends soon.
Shortened shorten(std::uint64_t seed, const std::string& wrong, const std::atomic<bool>& stop);

}  // namespace polymetis::testing
