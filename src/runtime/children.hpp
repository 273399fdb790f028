#pragma once

#include <memory>
#include <vector>

#include "base/mutex.hpp"

namespace polymetis::runtime {

/// The living children of an object that is released before them. Thread-safe.
template <class T>
class Children {
 public:
  /// False: the parent is being released, and has not taken the child.
  bool add(const std::shared_ptr<T>& child) {
    const base::MutexLock lock(mutex_);
    if (closed_) return false;
    std::erase_if(children_, [](const auto& old) { return old.expired(); });
    children_.push_back(child);
    return true;
  }
  /// Those that live; none is taken from here on.
  std::vector<std::shared_ptr<T>> close() {
    const base::MutexLock lock(mutex_);
    closed_ = true;
    std::vector<std::shared_ptr<T>> living;
    for (const auto& child : children_) {
      if (auto alive = child.lock()) living.push_back(std::move(alive));
    }
    return living;
  }

 private:
  base::Mutex mutex_;
  std::vector<std::weak_ptr<T>> children_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace polymetis::runtime
