#pragma once

#include <vector>

#include "fleet/stable_vector.hpp"

namespace polymetis::fleet {

/// A table whose places are used again, by their ids; references stay valid while it grows. Thread-bound.
template <class IdType, class T>
class Table {
 public:
  /// A place as new: `T::reset()` where there is one (it may keep memory), else a fresh T.
  IdType add() {
    if (free_.empty()) {
      const IdType id(items_.size());
      items_.grown_to(id.value);
      return id;
    }
    const IdType id = free_.back();
    free_.pop_back();
    if constexpr (requires(T& item) { item.reset(); }) {
      items_[id.value].reset();
    } else {
      items_[id.value] = T{};
    }
    return id;
  }
  void remove(IdType id) { free_.push_back(id); }
  [[nodiscard]] T& operator[](IdType id) noexcept { return items_[id.value]; }
  [[nodiscard]] const T& operator[](IdType id) const noexcept { return items_[id.value]; }
  /// Places there have ever been.
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] std::size_t used() const noexcept { return items_.size() - free_.size(); }

 private:
  StableVector<T> items_;
  std::vector<IdType> free_;
};

}  // namespace polymetis::fleet
