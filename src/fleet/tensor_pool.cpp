#include "fleet/tensor_pool.hpp"

#include <new>

namespace polymetis::fleet {

namespace {

std::size_t padded(std::size_t bytes, std::size_t alignment) { return (bytes + alignment - 1) / alignment * alignment; }

}  // namespace

void MemoryBudget::call(Latch& latch) {
  base::MutexLock lock(mutex_);
  waiters_.push_back(&latch);
  waiting_.store(waiters_.size(), std::memory_order_seq_cst);
}

bool MemoryBudget::forget(Latch& latch) {
  base::MutexLock lock(mutex_);
  const bool was_there = std::erase(waiters_, &latch) > 0;
  waiting_.store(waiters_.size(), std::memory_order_seq_cst);
  return was_there;
}

void MemoryBudget::wake() noexcept {
  base::MutexLock lock(mutex_);
  for (Latch* latch : waiters_) latch->open();
  waiters_.clear();
  waiting_.store(0, std::memory_order_seq_cst);
}

TensorSet::TensorSet(TensorPool& pool, std::span<const std::size_t> row_bytes, std::size_t rows) : pool_(pool) {
  std::size_t total = 0;
  for (const std::size_t bytes : row_bytes) total += padded(bytes * rows, alignment);
  memory_.reset(static_cast<std::byte*>(::operator new[](std::max<std::size_t>(total, 1), std::align_val_t{alignment})));
  std::byte* at = memory_.get();
  for (const std::size_t bytes : row_bytes) {
    buffers_.push_back({.data = at, .size_bytes = bytes * rows});
    at += padded(bytes * rows, alignment);
  }
  leases_.resize(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    leases_[row].set = this;
    for (std::size_t t = 0; t < row_bytes.size(); ++t) {
      rows_.emplace_back(buffers_[t].data + row * row_bytes[t], row_bytes[t]);
      leases_[row].tensors.emplace_back(rows_.back());
    }
  }
  slot_ = std::make_unique<Slot::Impl>(Slot::Impl{this});
}

Result::Lease* TensorSet::lease(std::size_t row) noexcept { return &leases_[row]; }

void TensorSet::let_go() noexcept {
  // Who has the only reference needs no exchange: nobody else can make another.
  if (references_.load(std::memory_order_acquire) == 1 || references_.fetch_sub(1, std::memory_order_acq_rel) == 1) pool_.put_back(this);
}

TensorPool::TensorPool(std::shared_ptr<MemoryBudget> budget, std::vector<std::size_t> row_bytes, std::size_t rows)
    : budget_(std::move(budget)), row_bytes_(std::move(row_bytes)), rows_(rows) {
  for (const std::size_t bytes : row_bytes_) set_bytes_ += padded(bytes * rows_, TensorSet::alignment);
}

TensorPool::~TensorPool() {
  while (free_ != nullptr) {
    delete std::exchange(free_, free_->next_free_);
    budget_->give(set_bytes_);
  }
}

std::shared_ptr<TensorPool> TensorPool::make(std::shared_ptr<MemoryBudget> budget, std::vector<std::size_t> row_bytes, std::size_t rows) {
  return {new TensorPool(std::move(budget), std::move(row_bytes), rows), [](TensorPool* pool) { pool->orphan(); }};
}

TensorSet* TensorPool::take(Limit limit) {
  base::MutexLock lock(mutex_);
  if (free_ == nullptr && !grow(limit)) return nullptr;
  TensorSet* set = free_;
  free_ = set->next_free_;
  set->references_.store(1, std::memory_order_relaxed);
  ++out_;
  return set;
}

bool TensorPool::grow(Limit limit) {
  if (limit == Limit::exceed || out_ == 0) {
    budget_->take_anyway(set_bytes_);
  } else if (!budget_->take(set_bytes_)) {
    return false;
  }
  free_ = new TensorSet(*this, row_bytes_, rows_);
  return true;
}

/// Kept for the next who takes one, unless the pools hold more than they may: another pool may need it.
void TensorPool::put_back(TensorSet* set) noexcept {
  std::unique_ptr<TensorSet> too_much;
  bool unused = false;
  {
    base::MutexLock lock(mutex_);
    if (budget_->used_bytes() > budget_->limit_bytes()) {
      too_much.reset(set);
      budget_->give(set_bytes_);
    } else {
      set->next_free_ = free_;
      free_ = set;
    }
    unused = --out_ == 0 && orphaned_;
    if (!unused) budget_->came_back();
  }
  if (unused) delete this;
}

/// Its owner is gone; it ends with the last set that is out.
void TensorPool::orphan() noexcept {
  bool unused = false;
  {
    base::MutexLock lock(mutex_);
    orphaned_ = true;
    unused = out_ == 0;
  }
  if (unused) delete this;
}

}  // namespace polymetis::fleet

namespace polymetis {

namespace {

void let_lease_go(Result::Lease* lease) { lease->set->let_go(); }
void let_slot_go(Slot::Impl* slot) { slot->set->let_go(); }

}  // namespace

Result::Result() noexcept : lease_(nullptr, let_lease_go) {}
Result::Result(Result&&) noexcept = default;
Result& Result::operator=(Result&&) noexcept = default;
Result::~Result() = default;

std::span<const std::span<const std::byte>> Result::outputs() const noexcept {
  return lease_ == nullptr ? std::span<const std::span<const std::byte>>() : lease_->tensors;
}

Slot::Slot() noexcept : impl_(nullptr, let_slot_go) {}
Slot::Slot(Slot&&) noexcept = default;
Slot& Slot::operator=(Slot&&) noexcept = default;
Slot::~Slot() = default;

std::span<const std::span<std::byte>> Slot::inputs() const noexcept {
  return impl_ == nullptr ? std::span<const std::span<std::byte>>() : impl_->set->row(0);
}

std::shared_ptr<void> Slot::keep() const {
  if (impl_ == nullptr) return nullptr;
  impl_->set->hold();
  return {impl_->set, [](void* set) { static_cast<fleet::TensorSet*>(set)->let_go(); }};
}

}  // namespace polymetis
