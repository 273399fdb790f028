#pragma once

#include <deque>
#include <memory>

#include "base/mutex.hpp"
#include "polymetis/fleet.hpp"

namespace polymetis::fleet {

/// Events on their way to a callback that may block: in order, on a thread of the host that delays nobody. Thread-safe.
class EventQueue : public std::enable_shared_from_this<EventQueue> {
 public:
  explicit EventQueue(std::shared_ptr<Host> host) : host_(std::move(host)) {}
  void set(EventCallback callback);
  void push(Event event);

 private:
  void deliver();
  static constexpr std::size_t most = 10000;

  const std::shared_ptr<Host> host_;
  base::Mutex mutex_;
  EventCallback callback_ GUARDED_BY(mutex_);
  std::deque<Event> events_ GUARDED_BY(mutex_);
  std::size_t dropped_ GUARDED_BY(mutex_) = 0;
  bool delivering_ GUARDED_BY(mutex_) = false;
};

}  // namespace polymetis::fleet
