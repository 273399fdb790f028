#include "base/loop_host.hpp"

#include <algorithm>

namespace polymetis::base {

TimerId LoopHost::call_at(TimePoint when, Task task) { return queue_.add(std::max(when, now_), task); }

bool LoopHost::step() {
  if (queue_.empty()) return false;
  now_ = std::max(now_, queue_.next());
  queue_.take()();
  return true;
}

bool LoopHost::wait(Latch& latch, TimePoint deadline) {
  while (!latch.is_open() && !queue_.empty() && queue_.next() <= deadline) step();
  if (latch.is_open()) return true;
  if (deadline != TimePoint::max()) now_ = std::max(now_, deadline);
  return false;
}

void LoopHost::run_until(TimePoint when) {
  while (!queue_.empty() && queue_.next() <= when) step();
  now_ = std::max(now_, when);
}

void LoopHost::run_until_idle() {
  while (step()) {
  }
}

}  // namespace polymetis::base
