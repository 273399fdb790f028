#include "device/instance_state.hpp"

#include <algorithm>
#include <bit>

#include "device/state_pool.hpp"
#include "device/telemetry_page.hpp"

namespace polymetis::device {
namespace {

constexpr unsigned index_bits = 6;
constexpr std::uint64_t index_mask = (1U << index_bits) - 1;
/// After so many jobs of other threads the caller gets its thread back and the host goes on.
constexpr unsigned most_foreign = 256;

InboxNode* empty_inbox() noexcept {
  static InboxNode node;
  return &node;
}

/// Its address names a thread.
struct ThisThread {
  unsigned ends_on_stack = 0;
};
ThisThread& this_thread() noexcept {
  static thread_local ThisThread thread;
  return thread;
}

InboxNode* reversed(InboxNode* list) noexcept {
  InboxNode* result = nullptr;
  while (list != nullptr && list != empty_inbox()) {
    InboxNode* const next = list->next;
    list->next = result;
    result = list;
    list = next;
  }
  return result;
}

}  // namespace

InstanceState::InstanceState(unsigned places) : capacity_(places) {
  for (unsigned i = 0; i < places; ++i) {
    slots_.push_back(std::make_unique<JobSlot>(*this));
    slots_.back()->index = i;
  }
}

unsigned InstanceState::in_flight() const noexcept {
  return traits_.depth - static_cast<unsigned>(std::popcount(places_.load(std::memory_order_relaxed) & ~closed));
}

JobId InstanceState::submit(const JobRequest& request) noexcept {
  JobSlot* const slot = take_place();
  if (slot == nullptr) return JobId::none;
  slot->inputs = request.inputs;
  slot->outputs = request.outputs;
  slot->rows = request.rows;
  slot->submitter = request.submitter;
  slot->queued = request.queued == TimePoint{} ? host_->now() : request.queued;
  slot->done = request.done;
  slot->argument = request.argument;
  slot->keep_alive = request.keep_alive;
  slot->thread = &this_thread();
  const std::uint64_t number = ++slot->generation << index_bits | slot->index;
  slot->number_ = number;
  slot->live.store(number, std::memory_order_release);
  enter(slot->node);
  return static_cast<JobId>(number);
}

void InstanceState::abandon(JobId job) noexcept {
  const auto number = static_cast<std::uint64_t>(job);
  const auto index = number & index_mask;
  if (number == 0 || index >= slots_.size() || slots_[index]->live.load(std::memory_order_acquire) != number) return;
  std::atomic<std::uint64_t>& mark = slots_[index]->abandoned;
  std::uint64_t old = mark.load(std::memory_order_relaxed);
  do {
    if (old >= number) return;  // said already, or the place has been used again since
  } while (!mark.compare_exchange_weak(old, number, std::memory_order_acq_rel));
  look_around();
}

void InstanceState::close() noexcept {
  places_.fetch_or(closed, std::memory_order_acq_rel);
  look_around();
}

void InstanceState::look_around() noexcept {
  if (!looking_.exchange(true, std::memory_order_acq_rel)) enter(look_node_);
}

JobSlot* InstanceState::take_place() noexcept {
  std::uint64_t free = places_.load(std::memory_order_relaxed);
  do {
    if (free == 0) return nullptr;
  } while (!places_.compare_exchange_weak(free, free & (free - 1), std::memory_order_acquire, std::memory_order_relaxed));
  return slots_[static_cast<unsigned>(std::countr_zero(free))].get();
}

void InstanceState::free_place(JobSlot& slot) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << slot.index;
  std::uint64_t places = places_.load(std::memory_order_relaxed);
  while ((places & closed) == 0) {
    if (places_.compare_exchange_weak(places, places | bit, std::memory_order_acq_rel, std::memory_order_relaxed)) return;
  }
  enter(slot.node);  // whoever may call the driver frees it, and then everything if it was the last
}

Answer InstanceState::job_ended(Job& job, std::uint64_t number, const Status& status, const Stamps& stamps) noexcept {
  auto& slot = static_cast<JobSlot&>(job);
  std::uint64_t expected = number;
  if (number == 0 || !slot.live.compare_exchange_strong(expected, 0, std::memory_order_acq_rel, std::memory_order_relaxed)) return Answer::too_late;
  const auto done = slot.done;
  void* const argument = slot.argument;
  const std::shared_ptr<void> keep_alive = std::move(slot.keep_alive);
  ThisThread& thread = this_thread();
  ++thread.ends_on_stack;
  if (meter_) meter(status, stamps, slot.rows);
  free_place(slot);  // from here on neither the slot nor this object may be touched
  done(argument, status, stamps);
  --thread.ends_on_stack;
  return Answer::taken;
}

void InstanceState::meter(const Status& status, const Stamps& stamps, std::size_t rows) noexcept {
  if (traits_.depth == 1) return meter_->ended(status, stamps, rows);
  const base::MutexLock lock(meter_mutex_);
  meter_->ended(status, stamps, rows);
}

void InstanceState::enter(InboxNode& node) noexcept {
  for (InboxNode* head = nullptr;; head = nullptr) {
    if (inbox_.compare_exchange_strong(head, empty_inbox(), std::memory_order_acq_rel, std::memory_order_acquire)) {
      node.next = nullptr;
      waiting_ = &node;
      return work(Where::caller);
    }
    while (head != nullptr) {
      node.next = head;
      if (inbox_.compare_exchange_weak(head, &node, std::memory_order_acq_rel, std::memory_order_acquire)) return;
    }
  }
}

void InstanceState::work(Where where) noexcept {
  unsigned foreign = 0;
  do {
    while (waiting_ != nullptr) {
      InboxNode& node = *waiting_;
      if (node.slot != nullptr && node.slot->thread != &this_thread()) ++foreign;
      if (where == Where::caller && move_to_host(node, foreign)) return;
      waiting_ = node.next;
      process(node, where);
    }
    if (closing_ && in_flight() == 0) return finish();
  } while (refill());
}

/// True: the right to call the driver went to a task of the host.
bool InstanceState::move_to_host(const InboxNode& node, unsigned foreign) noexcept {
  const bool blocks = node.slot != nullptr && traits_.blocking == Blocking::always;
  if (!blocks && foreign <= most_foreign) return false;
  host_->run_blocking({[](void* state) noexcept { static_cast<InstanceState*>(state)->work(Where::host); }, this});
  return true;
}

/// False: nothing had come, and the right is given back.
bool InstanceState::refill() noexcept {
  InboxNode* head = empty_inbox();
  if (inbox_.compare_exchange_strong(head, nullptr, std::memory_order_acq_rel, std::memory_order_acquire)) return false;
  waiting_ = reversed(inbox_.exchange(empty_inbox(), std::memory_order_acq_rel));
  return true;
}

void InstanceState::process(InboxNode& node, Where where) noexcept {
  if (node.slot == nullptr) return tend();
  if (node.slot->live.load(std::memory_order_acquire) != 0) return hand_over(*node.slot, where);
  places_.fetch_or(std::uint64_t{1} << node.slot->index, std::memory_order_acq_rel);  // its job ended after close
}

void InstanceState::hand_over(JobSlot& slot, Where where) noexcept {
  if (where == Where::host || slot.thread != &this_thread()) slot.submitter = Submitter::continues;
  if (slot.abandoned.load(std::memory_order_acquire) == slot.number_) {
    const TimePoint now = host_->now();
    static_cast<void>(slot.ticket().end(Status(Code::runtime_error, "abandoned before it reached the device"), {slot.queued, now, now, now, now}));
    return;
  }
  slot.handed = slot.number_;
  inner_->submit(slot);
}

/// Tells the driver of abandoned jobs. One that has not been handed over yet keeps its mark for then.
void InstanceState::tend() noexcept {
  looking_.exchange(false, std::memory_order_acq_rel);
  closing_ = closing_ || (places_.load(std::memory_order_acquire) & closed) != 0;
  for (const auto& slot : slots_) {
    const std::uint64_t number = slot->abandoned.load(std::memory_order_acquire);
    if (number == slot->told || slot->handed != number || slot->live.load(std::memory_order_acquire) != number) continue;
    slot->told = number;
    inner_->abandon(Ticket(slot.get(), number));
  }
}

/// Nothing is inside and nobody can enter any more. A driver is not freed under its own feet: within a ticket's `end` the host does it.
void InstanceState::finish() noexcept {
  if (this_thread().ends_on_stack == 0) return let_go();
  host_->run_blocking({[](void* state) noexcept { static_cast<InstanceState*>(state)->let_go(); }, this});
}

void InstanceState::let_go() noexcept {
  inner_.reset();
  meter_.reset();
  const std::shared_ptr<void> lease = std::move(lease_);
  host_ = nullptr;
  closing_ = false;
  inbox_.store(nullptr, std::memory_order_release);
  StatePool::get().give(this);
}

InstanceState* InstanceState::make(std::unique_ptr<DriverInstance> inner, Host& host, std::shared_ptr<CoreMeter> meter, std::shared_ptr<void> lease) {
  InstanceTraits traits = inner->traits();
  traits.depth = std::clamp(traits.depth, 1U, most_places);
  InstanceState* const state = StatePool::get().take(traits.depth);
  state->inner_ = std::move(inner);
  state->host_ = &host;
  state->meter_ = std::move(meter);
  state->lease_ = std::move(lease);
  state->traits_ = traits;
  state->places_.store((std::uint64_t{1} << traits.depth) - 1, std::memory_order_release);
  return state;
}

}  // namespace polymetis::device
