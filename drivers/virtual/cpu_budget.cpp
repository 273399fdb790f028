#include "virtual/cpu_budget.hpp"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

namespace polymetis::virtual_card {

namespace {

constexpr unsigned turns_in_a_row = 1024;  // then others of the host may run: on an event loop a turn takes no time

}  // namespace

thread_local CpuBudget::Worker* CpuBudget::current_ = nullptr;

CpuSet CpuSet::first(unsigned count) noexcept {
  CpuSet set;
  for (unsigned cpu = 0; cpu < std::min(count, most); ++cpu) set.add(cpu);
  return set;
}

CpuSet CpuSet::of(const std::vector<unsigned>& places, unsigned count) noexcept {
  if (places.empty()) return first(count);
  CpuSet set;
  for (const unsigned cpu : places) set.add(std::min(cpu, most - 1));
  return set;
}

unsigned CpuSet::first_common(const CpuSet& other) const noexcept {
  for (unsigned word = 0; word < words_.size(); ++word) {
    if (const auto both = words_[word] & other.words_[word]; both != 0) return word * 64 + static_cast<unsigned>(std::countr_zero(both));
  }
  return most;
}

unsigned usable_cpus() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::clamp<unsigned>(static_cast<unsigned>(CPU_COUNT(&set)), 1, CpuSet::most);
}

std::shared_ptr<CpuBudget> CpuBudget::of(std::shared_ptr<Host> host) {
  // never freed: cards may outlive what is destroyed at exit
  static auto& mutex = *new std::mutex;
  static auto& budgets = *new std::map<Host*, std::weak_ptr<CpuBudget>>;
  const std::lock_guard lock(mutex);
  std::erase_if(budgets, [](const auto& entry) { return entry.second.expired(); });
  auto& known = budgets[host.get()];
  auto budget = known.lock();
  if (!budget) known = budget = std::make_shared<CpuBudget>(host, usable_cpus());
  return budget;
}

CpuBudget::CpuBudget(std::shared_ptr<Host> host, unsigned cpu_count)
    : host_(std::move(host)), cpu_count_(cpu_count), free_(CpuSet::first(cpu_count)), workers_(cpu_count) {
  for (unsigned cpu = 0; cpu < cpu_count; ++cpu) workers_[cpu].cpu = cpu;
}

unsigned CpuBudget::try_take(const CpuSet& among) noexcept {
  const std::lock_guard lock(mutex_);
  const unsigned cpu = free_.first_common(among);
  if (cpu != CpuSet::most) free_.remove(cpu);
  return cpu;
}

void CpuBudget::give(unsigned cpu) noexcept {
  Turn* turn = nullptr;
  {
    const std::lock_guard lock(mutex_);
    turn = pop(cpu);
    if (turn == nullptr) free_.add(cpu);
  }
  if (turn != nullptr) start(cpu, *turn);
}

void CpuBudget::ask(Turn& turn) noexcept {
  // the turn at hand is about to end: what it leads to goes on here, without waking another thread
  if (current_ != nullptr && current_->budget.get() == this && current_->kept == nullptr && turn.cpus_.has(current_->cpu)) {
    current_->kept = &turn;
    return;
  }
  unsigned cpu = CpuSet::most;
  {
    const std::lock_guard lock(mutex_);
    cpu = free_.first_common(turn.cpus_);
    if (cpu == CpuSet::most) return push(turn);
    free_.remove(cpu);
  }
  start(cpu, turn);
}

bool CpuBudget::withdraw(Turn& turn) noexcept {
  if (current_ != nullptr && current_->budget.get() == this && current_->kept == &turn) {
    current_->kept = nullptr;
    return true;
  }
  const std::lock_guard lock(mutex_);
  Turn* before = nullptr;
  for (Turn* at = head_; at != nullptr; before = std::exchange(at, at->next_)) {
    if (at != &turn) continue;
    (before == nullptr ? head_ : before->next_) = at->next_;
    if (tail_ == at) tail_ = before;
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void CpuBudget::start(unsigned cpu, Turn& turn) noexcept {
  Worker& worker = workers_[cpu];
  worker.budget = shared_from_this();
  worker.turn = &turn;
  host_->run_blocking({&CpuBudget::work, &worker});
}

void CpuBudget::work(void* argument) noexcept {
  Worker& worker = *static_cast<Worker*>(argument);
  const auto budget = worker.budget;  // lives until this returns, whatever the turns destroy
  const auto outer = std::exchange(current_, &worker);
  Turn* turn = worker.turn;
  unsigned turns = 0;
  do {
    turn->take();
    turn = budget->next(worker);
  } while (turn != nullptr && ++turns < turns_in_a_row);
  current_ = outer;
  if (turn == nullptr) return;  // the CPU and with it the worker may be another's by now
  worker.turn = turn;
  budget->host_->run_blocking({&CpuBudget::work, &worker});
}

Turn* CpuBudget::next(Worker& worker) noexcept {
  Turn* kept = std::exchange(worker.kept, nullptr);
  if (kept != nullptr && waiting_.load(std::memory_order_relaxed) == 0) return kept;
  const std::lock_guard lock(mutex_);
  if (kept != nullptr) push(*kept);
  Turn* turn = pop(worker.cpu);
  if (turn == nullptr) {
    worker.budget.reset();  // before the CPU is free, as the next holder sets it
    free_.add(worker.cpu);
  }
  return turn;
}

void CpuBudget::push(Turn& turn) noexcept {
  turn.next_ = nullptr;
  (tail_ == nullptr ? head_ : tail_->next_) = &turn;
  tail_ = &turn;
  waiting_.fetch_add(1, std::memory_order_relaxed);
}

Turn* CpuBudget::pop(unsigned cpu) noexcept {
  Turn* before = nullptr;
  for (Turn* at = head_; at != nullptr; before = std::exchange(at, at->next_)) {
    if (!at->cpus_.has(cpu)) continue;
    (before == nullptr ? head_ : before->next_) = at->next_;
    if (tail_ == at) tail_ = before;
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    return at;
  }
  return nullptr;
}

}  // namespace polymetis::virtual_card
