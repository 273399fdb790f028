#pragma once

#include <cstdint>
#include <random>

namespace polymetis::testing {

/// The same seed throws the same numbers. Thread-bound.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }
  unsigned between(unsigned low, unsigned high) { return low + below(high - low + 1); }
  bool one_in(unsigned n) { return below(n) == 0; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace polymetis::testing
