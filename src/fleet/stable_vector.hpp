#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace polymetis::fleet {

/// A vector whose elements stay where they are while it grows, in chunks of a power of two: found with a shift, where std::deque divides.
/// Thread-bound.
template <class T>
class StableVector {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return chunks_[i / chunk][i % chunk]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return chunks_[i / chunk][i % chunk]; }
  /// Adds default elements until there is one at `i`.
  T& grown_to(std::size_t i) {
    for (; size_ <= i; ++size_)
      if (size_ == chunks_.size() * chunk) chunks_.push_back(std::make_unique<T[]>(chunk));
    return (*this)[i];
  }

 private:
  static constexpr std::size_t chunk = 8;

  std::vector<std::unique_ptr<T[]>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace polymetis::fleet
