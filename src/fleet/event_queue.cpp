#include "fleet/event_queue.hpp"

#include <fmt/format.h>

#include <exception>

namespace polymetis::fleet {

void EventQueue::set(EventCallback callback) {
  base::MutexLock lock(mutex_);
  std::swap(callback_, callback);
  lock.unlock();  // what the old one holds may call back when it goes
}

void EventQueue::push(Event event) {
  base::MutexLock lock(mutex_);
  if (!callback_) return;
  if (events_.size() >= most) {
    events_.pop_front();
    ++dropped_;
  }
  events_.push_back(std::move(event));
  if (std::exchange(delivering_, true)) return;
  host_->run_blocking(make_task([self = shared_from_this()] { self->deliver(); }));
}

void EventQueue::deliver() {
  while (true) {
    Event event;
    EventCallback callback;
    {
      base::MutexLock lock(mutex_);
      if (events_.empty() || !callback_) {
        events_.clear();
        delivering_ = false;
        return;
      }
      event = std::move(events_.front());
      events_.pop_front();
      callback = callback_;
      if (const std::size_t lost = std::exchange(dropped_, 0); lost > 0)
        event.cause += fmt::format(" ({} events before this one were dropped: the callback is too slow)", lost);
    }
    try {
      callback(event);
    } catch (...) {  // the caller's own trouble; the next event still comes
    }
  }
}

}  // namespace polymetis::fleet
