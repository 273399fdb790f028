#include "device/state_pool.hpp"

#include "base/per_process.hpp"

namespace polymetis::device {

StatePool& StatePool::get() {
  static constinit base::PerProcess<StatePool> pool;
  return pool.get();
}

InstanceState* StatePool::take(unsigned depth) {
  const base::MutexLock lock(mutex_);
  for (InstanceState** place = &spare_; *place != nullptr; place = &(*place)->next_spare_) {
    InstanceState* const state = *place;
    if (state->capacity_ != depth) continue;
    *place = state->next_spare_;
    state->next_spare_ = nullptr;
    return state;
  }
  return new InstanceState(depth);
}

void StatePool::give(InstanceState* state) noexcept {
  const base::MutexLock lock(mutex_);
  state->next_spare_ = spare_;
  spare_ = state;
}

}  // namespace polymetis::device
