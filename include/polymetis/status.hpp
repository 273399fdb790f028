#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "polymetis/export.hpp"

namespace polymetis {

/// How a call ended. The numbers are those of `axrResult`, so they cross the C border unchanged.
enum class Code : int {
  ok = 0,
  runtime_error = 1,
  value_error = 2,
  invalid_argument = 3,
  connection_error = 4,
  device_in_use = 5,
  incompatible_device = 6,
  invalid_configuration = 7,
  not_implemented = 8,
  internal_error = 9,
  pending = 10,
  unknown_error = 11,
};

/// The name of a code, such as "device in use". Static storage. Reentrant.
POLYMETIS_API std::string_view code_name(Code code) noexcept;

/// Success, or a code with a sentence (what was asked, what was found, what to do) and the failure that caused it.
///
/// A success is a null pointer and costs nothing; a failure is shared, so copying it to every waiter is cheap. Reentrant.
class [[nodiscard]] POLYMETIS_API Status {
 public:
  Status() noexcept = default;
  /// A failure. `code` is not `Code::ok`; `cause` is a failure or a success that is ignored.
  Status(Code code, std::string message, Status cause = {});

  [[nodiscard]] bool ok() const noexcept { return failure_ == nullptr; }
  [[nodiscard]] Code code() const noexcept;
  /// The sentence alone; empty for a success.
  [[nodiscard]] std::string_view message() const noexcept;
  /// The failure below this one; a success where there is none.
  [[nodiscard]] Status cause() const;
  /// The sentence and its causes, joined by ": ".
  [[nodiscard]] std::string to_string() const;

 private:
  struct Failure;
  std::shared_ptr<const Failure> failure_;
};

/// A value or a failed Status; has the shape of `std::expected`.
template <class T>
using Expected = tl::expected<T, Status>;
/// Wraps a failed Status so that it converts to any `Expected<T>`.
using Unexpected = tl::unexpected<Status>;

/// `return failure(code, sentence);` in a function that gives an `Expected<T>`.
inline Unexpected failure(Code code, std::string message, Status cause = {}) {
  return Unexpected(Status(code, std::move(message), std::move(cause)));
}

}  // namespace polymetis
