#ifndef AXRUNTIME_AXRUNTIME_HPP
#define AXRUNTIME_AXRUNTIME_HPP

#include <memory>

#include "axruntime/axruntime.h"

/** Ownership of axruntime objects in C++. */
namespace axr {

/** Ends an object with `axr_destroy`. */
struct object_deleter {
  template <class T>
  void operator()(T* object) const noexcept {
    axr_destroy(AXR_OBJECT(object));
  }
};

/** Owns an object, as std::unique_ptr does. In which order owner and owned go does not matter. */
template <class T>
using ptr = std::unique_ptr<T, object_deleter>;

/** Takes ownership: `auto context = axr::to_ptr(axr_create_context());`. NULL gives an empty pointer. */
template <class T>
[[nodiscard]] ptr<T> to_ptr(T* object) noexcept {
  return ptr<T>(object);
}

}  // namespace axr

#endif
