#include "runtime/change_hub.hpp"

namespace polymetis::runtime {

std::shared_ptr<void> ChangeHub::add(Listener listener) {
  auto kept = std::make_shared<Listener>(std::move(listener));
  const base::MutexLock lock(mutex_);
  std::erase_if(listeners_, [](const auto& old) { return old.expired(); });
  listeners_.push_back(kept);
  return kept;
}

void ChangeHub::changed(const DeviceChange& change) {
  std::vector<std::shared_ptr<Listener>> listeners;
  {
    const base::MutexLock lock(mutex_);
    if (change.kind == DeviceChange::Kind::lost) lost_.insert(change.device);
    for (const auto& listener : listeners_) {
      if (auto alive = listener.lock()) listeners.push_back(std::move(alive));
    }
  }
  for (const auto& listener : listeners) (*listener)(change);
}

bool ChangeHub::take_lost(const std::string& device) {
  const base::MutexLock lock(mutex_);
  return lost_.erase(device) != 0;
}

}  // namespace polymetis::runtime
