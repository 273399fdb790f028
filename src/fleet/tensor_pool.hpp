#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.hpp"
#include "polymetis/driver.hpp"
#include "polymetis/fleet.hpp"

namespace polymetis::fleet {

/// Bytes that all pools of a fleet may hold, and who waits for some. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  bool take(std::size_t bytes) noexcept {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_bytes_) return true;
    give(bytes);
    return false;
  }
  void take_anyway(std::size_t bytes) noexcept { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void give(std::size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t limit_bytes() const noexcept { return limit_bytes_; }
  /// `latch` opens when memory comes back; say `forget` if it is not waited for any more, and wait for it if that answers false.
  void call(Latch& latch);
  bool forget(Latch& latch);
  void came_back() noexcept {
    if (waiting_.load(std::memory_order_seq_cst) > 0) wake();
  }

 private:
  void wake() noexcept;
  const std::size_t limit_bytes_;
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> waiting_{0};
  base::Mutex mutex_;
  std::vector<Latch*> waiters_ GUARDED_BY(mutex_);
};

class TensorPool;

/// The memory of all inputs, or all outputs, of one run: counted references, back to its pool when the last is gone. Thread-safe.
class TensorSet {
 public:
  TensorSet(TensorPool& pool, std::span<const std::size_t> row_bytes, std::size_t rows);
  void hold() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void let_go() noexcept;

  /// One buffer a tensor, all rows.
  [[nodiscard]] std::span<const Buffer> buffers() const noexcept { return buffers_; }
  /// One span a tensor, of row `row`.
  [[nodiscard]] std::span<const std::span<std::byte>> row(std::size_t row) const noexcept {
    return std::span(rows_).subspan(row * buffers_.size(), buffers_.size());
  }
  [[nodiscard]] const TensorPool& pool() const noexcept { return pool_; }
  [[nodiscard]] Result::Lease* lease(std::size_t row) noexcept;
  [[nodiscard]] Slot::Impl* slot() noexcept { return slot_.get(); }

 private:
  friend class TensorPool;
  struct AlignedDelete {
    void operator()(std::byte* memory) const noexcept { ::operator delete[](memory, std::align_val_t{alignment}); }
  };
  static constexpr std::size_t alignment = 64;

  // constant
  TensorPool& pool_;
  std::unique_ptr<std::byte[], AlignedDelete> memory_;
  std::vector<Buffer> buffers_;
  std::vector<std::span<std::byte>> rows_;
  std::vector<Result::Lease> leases_;
  std::unique_ptr<Slot::Impl> slot_;
  // own synchronisation
  std::atomic<std::uint32_t> references_{0};
  TensorSet* next_free_ = nullptr;
};

/// Sets of one layout. Outlives its owner until the last set is back. Thread-safe.
class TensorPool {
 public:
  /// `row_bytes`: one a tensor, for one frame.
  static std::shared_ptr<TensorPool> make(std::shared_ptr<MemoryBudget> budget, std::vector<std::size_t> row_bytes, std::size_t rows);
  TensorPool(const TensorPool&) = delete;
  TensorPool& operator=(const TensorPool&) = delete;

  /// With one reference; null when the budget is used up, unless the caller may exceed it. A pool of which nothing is out gives one always.
  enum class Limit { obey, exceed };
  [[nodiscard]] TensorSet* take(Limit limit);
  [[nodiscard]] std::size_t set_bytes() const noexcept { return set_bytes_; }
  /// Of the sets that somebody holds.
  [[nodiscard]] std::size_t used_bytes() const {
    base::MutexLock lock(mutex_);
    return out_ * set_bytes_;
  }
  [[nodiscard]] std::span<const std::size_t> row_bytes() const noexcept { return row_bytes_; }

 private:
  friend class TensorSet;
  TensorPool(std::shared_ptr<MemoryBudget> budget, std::vector<std::size_t> row_bytes, std::size_t rows);
  ~TensorPool();
  bool grow(Limit limit) REQUIRES(mutex_);
  void put_back(TensorSet* set) noexcept;
  void orphan() noexcept;

  // constant
  const std::shared_ptr<MemoryBudget> budget_;
  const std::vector<std::size_t> row_bytes_;
  const std::size_t rows_;
  std::size_t set_bytes_ = 0;
  // guarded by mutex_
  mutable base::BriefMutex mutex_;
  bool orphaned_ GUARDED_BY(mutex_) = false;
  std::size_t out_ GUARDED_BY(mutex_) = 0;
  TensorSet* free_ GUARDED_BY(mutex_) = nullptr;
};

}  // namespace polymetis::fleet

namespace polymetis {

/// One row of a set of outputs, lent to a result.
struct Result::Lease {
  fleet::TensorSet* set = nullptr;
  std::vector<std::span<const std::byte>> tensors;
};

struct Slot::Impl {
  fleet::TensorSet* set = nullptr;
};

}  // namespace polymetis
