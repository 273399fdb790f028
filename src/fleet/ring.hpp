#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace polymetis::fleet {

/// A queue that keeps its memory: in the long run nothing is allocated (std::deque frees and takes a block every few hundred entries).
/// Thread-bound.
template <class T>
class Ring {
 public:
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return items_[(first_ + i) & mask()]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return items_[(first_ + i) & mask()]; }
  [[nodiscard]] T& front() noexcept { return (*this)[0]; }
  [[nodiscard]] const T& front() const noexcept { return (*this)[0]; }

  void push_back(T item) {
    if (size_ == items_.size()) grow();
    items_[(first_ + size_++) & mask()] = std::move(item);
  }
  T pop_front() noexcept {
    T item = std::move(items_[first_ & mask()]);
    first_ = (first_ + 1) & mask();
    --size_;
    return item;
  }
  /// Takes entry `i` out; those behind it move up.
  T erase(std::size_t i) noexcept {
    T item = std::move((*this)[i]);
    for (; i + 1 < size_; ++i) (*this)[i] = std::move((*this)[i + 1]);
    --size_;
    return item;
  }
  void clear() noexcept {
    while (!empty()) pop_front();
  }

 private:
  [[nodiscard]] std::size_t mask() const noexcept { return items_.size() - 1; }
  void grow() {
    std::vector<T> larger(items_.empty() ? 8 : items_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    items_ = std::move(larger);
    first_ = 0;
  }

  std::vector<T> items_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace polymetis::fleet
