#pragma once

#include <exception>
#include <string>
#include <type_traits>

#include "capi/last_error.hpp"

namespace polymetis::capi {

/// The object of a handle. Errors: `invalid_argument` ended, of another kind, NULL, garbage; `function` is named.
template <class T>
Expected<std::shared_ptr<T>> find(const char* function, const void* pointer) {
  const auto wants = [&] { return std::string(function) + " wants " + T::noun + ": "; };
  auto found = HandleTable::current().find(handle_of(pointer));
  if (!found) return failure(found.error().code(), wants() + found.error().to_string());
  if ((*found)->kind() != T::kind_of) return failure(Code::invalid_argument, wants() + "a handle of another kind of object was given");
  return std::static_pointer_cast<T>(*std::move(found));
}

/// Puts `object` below `parent` and gives its handle to the C caller.
template <class C>
Expected<C*> give(std::shared_ptr<Object> object, const void* parent) {
  return HandleTable::current().insert(std::move(object), handle_of(parent)).map([](Handle handle) {
    return reinterpret_cast<C*>(static_cast<std::uintptr_t>(handle));
  });
}

inline Status status_of(const Status& status) noexcept { return status; }
template <class T>
Status status_of(const Expected<T>& result) noexcept {
  return result ? Status() : result.error();
}

/// The body's answer, or the exception that it threw as a failed Status. Nothing is thrown, but for a lack of memory while failing.
template <class Body>
std::invoke_result_t<Body> caught(const char* function, Body&& body) {
  using Result = std::invoke_result_t<Body>;
  const auto fail = [&](const char* what) -> Result {
    Status status(Code::internal_error, std::string(function) + " failed inside: " + what);
    if constexpr (std::is_same_v<Result, Status>) {
      return status;
    } else {
      return Unexpected(std::move(status));
    }
  };
  try {
    return body();
  } catch (const std::exception& exception) {
    return fail(exception.what());
  } catch (...) {
    return fail("an exception of an unknown type");
  }
}

/// What a C function gives back for a body's answer: the code of a Status, the value of an Expected or a zero value.
inline axrResult answer_of(Status& status) noexcept { return static_cast<axrResult>(status.code()); }
template <class T>
T answer_of(Expected<T>& result) noexcept {
  return result ? std::move(*result) : T{};
}
inline axrResult out_of_memory(const Status*) noexcept { return AXR_ERROR_INTERNAL_ERROR; }
template <class T>
T out_of_memory(const Expected<T>*) noexcept {
  return T{};
}

/// The border: finds the T of `pointer`, runs `body` on it, records a failure for the thread and the context. Nothing is thrown.
template <class T, class Body>
auto call(const char* function, const void* pointer, Body&& body) noexcept {
  using Result = std::invoke_result_t<Body, T&>;
  try {
    Result result = caught(function, [&]() -> Result {
      auto object = find<T>(function, pointer);
      if (object) return body(**object);
      if constexpr (std::is_same_v<Result, Status>) {
        return object.error();
      } else {
        return Unexpected(object.error());
      }
    });
    if (const Status status = status_of(result); !status.ok()) record_failure(handle_of(pointer), status);
    return answer_of(result);
  } catch (...) {
    return out_of_memory(static_cast<const Result*>(nullptr));
  }
}

/// Properties as a C caller passes them: NULL gives none. Errors: not properties; those of a text that could not be read.
inline Expected<Properties> properties_of(const char* function, const axrProperties* properties) {
  if (properties == nullptr) return Properties();
  auto found = find<PropertiesObject>(function, properties);
  return found ? (*found)->copy() : Expected<Properties>(Unexpected(found.error()));
}

}  // namespace polymetis::capi
