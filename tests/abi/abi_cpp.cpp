#include <type_traits>

#include "abi.h"
#include "axruntime/axruntime.hpp"

/* How programs use the structs and the C++ names. */
static_assert(std::is_same<axr::ptr<axrContext>, std::unique_ptr<axrContext, axr::object_deleter>>::value, "");
static_assert(std::is_same<decltype(axr::to_ptr(static_cast<axrModel*>(nullptr))), axr::ptr<axrModel>>::value, "");
static_assert(sizeof(axr::ptr<axrContext>) == sizeof(void*), "the deleter takes no room");
static_assert(std::is_same<decltype(AXR_OBJECT(static_cast<axrModel*>(nullptr))), axrObject*>::value, "");

inline std::size_t whole_padding(const axrTensorInfo& info) {
  auto [before, after] = info.padding[1];
  return before + after;
}
inline axrArgument of_memory(void* memory, std::size_t size) { return {memory, 0, 0, size}; }
inline axrArgument of_descriptor(int fd) { return {nullptr, fd, 0, 0}; }
inline axrObject* of_reference(axrModelInstance& instance) { return AXR_OBJECT(&instance); }
