#include "base/fork.hpp"

#include <pthread.h>

#include <atomic>

#include "base/mutex.hpp"

namespace polymetis::base {

/// The hooks of this process. Never destroyed: threads may fork while the process ends.
struct ForkRegistry {
  std::atomic<std::uint64_t> generation{1};
  Mutex mutex;  // held over every fork, so that the child finds the list whole
  ForkHook* first GUARDED_BY(mutex) = nullptr;
  ForkHook* last GUARDED_BY(mutex) = nullptr;

  static ForkRegistry& instance() {
    static ForkRegistry& registry = *make();
    return registry;
  }
  void add(ForkHook& hook);
  void remove(ForkHook& hook);

 private:
  static ForkRegistry* make() {
    pthread_atfork([]() NO_THREAD_SAFETY_ANALYSIS { instance().mutex.lock(); }, []() NO_THREAD_SAFETY_ANALYSIS { instance().mutex.unlock(); },
                   [] { instance().forked(); });
    return new ForkRegistry;
  }
  void forked() NO_THREAD_SAFETY_ANALYSIS {
    generation.fetch_add(1, std::memory_order_relaxed);
    for (ForkHook* hook = first; hook != nullptr; hook = hook->next_) hook->in_child_();
    mutex.unlock();
  }
};

void ForkRegistry::add(ForkHook& hook) {
  MutexLock lock(mutex);
  hook.previous_ = last;
  (last != nullptr ? last->next_ : first) = &hook;
  last = &hook;
}

void ForkRegistry::remove(ForkHook& hook) {
  MutexLock lock(mutex);
  (hook.previous_ != nullptr ? hook.previous_->next_ : first) = hook.next_;
  (hook.next_ != nullptr ? hook.next_->previous_ : last) = hook.previous_;
}

std::uint64_t fork_generation() noexcept { return ForkRegistry::instance().generation.load(std::memory_order_relaxed); }

ForkHook::ForkHook(Task in_child) : in_child_(in_child) { ForkRegistry::instance().add(*this); }
ForkHook::~ForkHook() { ForkRegistry::instance().remove(*this); }

ForkBlock::ForkBlock() NO_THREAD_SAFETY_ANALYSIS { ForkRegistry::instance().mutex.lock(); }
ForkBlock::~ForkBlock() NO_THREAD_SAFETY_ANALYSIS { ForkRegistry::instance().mutex.unlock(); }

}  // namespace polymetis::base
