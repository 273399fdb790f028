#pragma once

#include <cstdint>
#include <vector>

#include "polymetis/host.hpp"

namespace polymetis::base {

/// Tasks ordered by time, then by order of adding. Adding, taking and cancelling are O(log n) and allocate nothing once grown.
/// Thread-bound: the owner locks.
class TimerQueue {
 public:
  TimerId add(TimePoint when, Task task);
  /// True: it was waiting and is gone. False: it was taken or cancelled already.
  bool cancel(TimerId timer) noexcept;

  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  /// When the first is due; `TimePoint::max()` where there is none.
  [[nodiscard]] TimePoint next() const noexcept { return heap_.empty() ? TimePoint::max() : heap_.front().when; }
  /// Removes the first and gives its task; only where there is one.
  Task take() noexcept;

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t sequence;
    std::uint32_t slot;
  };
  struct Slot {
    Task task;
    std::uint32_t generation = 1;  // part of the id, so that an old id does not name the slot's next timer
    std::uint32_t position = 0;    // in the heap, or the next free slot
  };
  static constexpr std::uint32_t none = UINT32_MAX;

  static bool earlier(const Entry& a, const Entry& b) noexcept { return a.when != b.when ? a.when < b.when : a.sequence < b.sequence; }
  std::uint32_t allocate_slot();
  void free_slot(std::uint32_t slot) noexcept;
  void place(std::size_t position, const Entry& entry) noexcept;
  void sift_up(std::size_t position, Entry entry) noexcept;
  void sift_down(std::size_t position, Entry entry) noexcept;
  void remove(std::size_t position) noexcept;

  std::vector<Entry> heap_;  // four children a node: half the depth of two, and they share a cache line or two
  std::vector<Slot> slots_;
  std::uint32_t free_ = none;
  std::uint64_t sequence_ = 0;
};

}  // namespace polymetis::base
