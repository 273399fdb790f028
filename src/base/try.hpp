#pragma once

#include <utility>

#include "polymetis/status.hpp"

namespace polymetis::base {

/// A failure on its way out of a function that gives a Status or any Expected.
struct Failing {
  Status status;
  operator Status() && { return std::move(status); }  // NOLINT: implicit is what it is for
  template <class T>
  operator Expected<T>() && {
    return Unexpected(std::move(status));
  }
};

inline bool succeeded(const Status& status) noexcept { return status.ok(); }
inline Status& failure_of(Status& status) noexcept { return status; }
inline void value_of(Status&&) noexcept {}
template <class T>
bool succeeded(const Expected<T>& result) noexcept {
  return result.has_value();
}
template <class T>
Status& failure_of(Expected<T>& result) noexcept {
  return result.error();
}
template <class T>
T value_of(Expected<T>&& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace polymetis::base

#define POLYMETIS_TRY_NAMED(name, ...)                                                                                          \
  __extension__({                                                                                                               \
    auto name = (__VA_ARGS__);                                                                                                  \
    if (!::polymetis::base::succeeded(name)) return ::polymetis::base::Failing{std::move(::polymetis::base::failure_of(name))}; \
    ::polymetis::base::value_of(std::move(name));                                                                               \
  })
#define POLYMETIS_TRY_COUNTED(count, ...) POLYMETIS_TRY_NAMED(polymetis_tried_##count, __VA_ARGS__)
#define POLYMETIS_TRY_EXPANDED(count, ...) POLYMETIS_TRY_COUNTED(count, __VA_ARGS__)

/// The value of a Status (nothing) or an Expected, or the end of this function with its failure: `auto model = TRY(Model::load(path));`
#define TRY(...) POLYMETIS_TRY_EXPANDED(__COUNTER__, __VA_ARGS__)
