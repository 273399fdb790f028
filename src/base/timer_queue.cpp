#include "base/timer_queue.hpp"

#include <algorithm>

namespace polymetis::base {

TimerId TimerQueue::add(TimePoint when, Task task) {
  heap_.emplace_back();  // grow first: what throws leaves nothing behind
  std::uint32_t slot = none;
  try {
    slot = allocate_slot();
  } catch (...) {
    heap_.pop_back();
    throw;
  }
  slots_[slot].task = task;
  sift_up(heap_.size() - 1, {when, sequence_++, slot});
  return TimerId{(std::uint64_t{slots_[slot].generation} << 32) | slot};
}

bool TimerQueue::cancel(TimerId timer) noexcept {
  const auto id = static_cast<std::uint64_t>(timer);
  const auto slot = static_cast<std::uint32_t>(id);
  if (slot >= slots_.size() || slots_[slot].generation != static_cast<std::uint32_t>(id >> 32)) return false;
  remove(slots_[slot].position);
  free_slot(slot);
  return true;
}

Task TimerQueue::take() noexcept {
  const std::uint32_t slot = heap_.front().slot;
  const Task task = slots_[slot].task;
  remove(0);
  free_slot(slot);
  return task;
}

std::uint32_t TimerQueue::allocate_slot() {
  if (free_ == none) {
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t slot = free_;
  free_ = slots_[slot].position;
  return slot;
}

void TimerQueue::free_slot(std::uint32_t slot) noexcept {
  if (++slots_[slot].generation == 0) slots_[slot].generation = 1;  // so that no id is 0
  slots_[slot].position = free_;
  free_ = slot;
}

void TimerQueue::place(std::size_t position, const Entry& entry) noexcept {
  heap_[position] = entry;
  slots_[entry.slot].position = static_cast<std::uint32_t>(position);
}

void TimerQueue::sift_up(std::size_t position, Entry entry) noexcept {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 4;
    if (!earlier(entry, heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, entry);
}

void TimerQueue::sift_down(std::size_t position, Entry entry) noexcept {
  for (;;) {
    const std::size_t first = 4 * position + 1;
    if (first >= heap_.size()) break;
    const std::size_t end = std::min(first + 4, heap_.size());
    std::size_t best = first;
    for (std::size_t child = first + 1; child < end; ++child) {
      if (earlier(heap_[child], heap_[best])) best = child;
    }
    if (!earlier(heap_[best], entry)) break;
    place(position, heap_[best]);
    position = best;
  }
  place(position, entry);
}

void TimerQueue::remove(std::size_t position) noexcept {
  const Entry last = heap_.back();
  heap_.pop_back();
  if (position == heap_.size()) return;
  if (position > 0 && earlier(last, heap_[(position - 1) / 4])) {
    sift_up(position, last);
  } else {
    sift_down(position, last);
  }
}

}  // namespace polymetis::base
