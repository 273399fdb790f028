#pragma once

#include <atomic>
#include <memory>

#include "base/fork.hpp"
#include "fleet/cards.hpp"
#include "fleet/event_queue.hpp"
#include "fleet/metrics.hpp"
#include "polymetis/fleet.hpp"

namespace polymetis {

struct Fleet::Impl {
  Impl(Context context_, FleetOptions options_) : context(std::move(context_)), options(std::move(options_)) {}
  ~Impl();
  /// Errors: `invalid_argument` closed, made before fork.
  [[nodiscard]] Status check() const;
  /// Errors: also no model, `value_error` memory for it.
  [[nodiscard]] Status check(const std::shared_ptr<const Model>& model) const;
  Expected<PlacementReport> add(const std::shared_ptr<const Model>& model, const ModelOptions& wish) REQUIRES(mutex);
  void close(Duration patience);
  /// Made before fork: nothing of it may be touched, its locks may be held for ever.
  [[nodiscard]] bool is_parents() const noexcept { return generation != base::fork_generation(); }

  // constant
  const Context context;
  const FleetOptions options;
  const std::uint64_t generation = base::fork_generation();
  std::shared_ptr<Host> host;
  std::shared_ptr<fleet::Dispatcher> dispatcher;
  std::shared_ptr<fleet::EventQueue> events;
  std::shared_ptr<void> watch;
  // guarded
  mutable base::Mutex mutex;
  fleet::Cards cards GUARDED_BY(mutex);
  std::uint64_t streams_opened GUARDED_BY(mutex) = 0;
};

struct Stream::Impl {
  Impl(std::shared_ptr<Fleet::Impl> fleet_, std::shared_ptr<fleet::StreamRecord> record_) : fleet(std::move(fleet_)), record(std::move(record_)) {}
  ~Impl();

  const std::shared_ptr<Fleet::Impl> fleet;
  const std::shared_ptr<fleet::StreamRecord> record;
};

}  // namespace polymetis
