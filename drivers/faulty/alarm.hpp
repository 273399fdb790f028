#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "polymetis/host.hpp"

namespace polymetis::faulty {

/// One timer that may be set again and taken off; destroying it takes it off. Its closure may be running meanwhile: let it hold what it needs.
/// For what is rare: it allocates. Thread-bound: the owner locks.
class Alarm {
 public:
  explicit Alarm(std::shared_ptr<Host> host) : host_(std::move(host)) {}
  ~Alarm() { cancel(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void set(TimePoint when, std::function<void()> closure) {
    cancel();
    node_ = std::make_shared<Node>();
    node_->closure = std::move(closure);
    node_->self = node_;
    timer_ = host_->call_at(when, {[](void* argument) noexcept {
                                     const auto node = std::move(static_cast<Node*>(argument)->self);
                                     node->closure();
                                   },
                                   node_.get()});
  }
  void cancel() noexcept {
    if (node_ != nullptr && host_->cancel(timer_)) node_->self.reset();
    node_.reset();
  }

 private:
  struct Node {
    std::function<void()> closure;
    std::shared_ptr<Node> self;  // until it ran or was cancelled
  };

  const std::shared_ptr<Host> host_;
  std::shared_ptr<Node> node_;
  TimerId timer_ = TimerId::none;
};

}  // namespace polymetis::faulty
