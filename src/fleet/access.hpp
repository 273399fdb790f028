#pragma once

#include "fleet/tensor_pool.hpp"

namespace polymetis {

/// The fleet's key to the handles that it gives out. Reentrant.
class FleetAccess {
 public:
  /// `result` takes over the caller's reference to `set`.
  static void lend(Result& result, fleet::TensorSet& set, std::size_t row) noexcept { result.lease_.reset(set.lease(row)); }
  /// The slot takes over the caller's reference to `set`.
  static Slot slot(fleet::TensorSet& set) noexcept {
    Slot slot;
    slot.impl_.reset(set.slot());
    return slot;
  }
  [[nodiscard]] static fleet::TensorSet* set_of(const Slot& slot) noexcept { return slot.impl_ == nullptr ? nullptr : slot.impl_->set; }
  /// The slot's reference becomes the caller's.
  static void take(Slot& slot) noexcept { static_cast<void>(slot.impl_.release()); }
};

}  // namespace polymetis
