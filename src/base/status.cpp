#include "polymetis/status.hpp"

#include <array>

namespace polymetis {

struct Status::Failure {
  Code code;
  std::string message;
  Status cause;
};

std::string_view code_name(Code code) noexcept {
  static constexpr std::array<std::string_view, 12> names = {"ok",
                                                             "runtime error",
                                                             "value error",
                                                             "invalid argument",
                                                             "connection error",
                                                             "device in use",
                                                             "incompatible device",
                                                             "invalid configuration",
                                                             "not implemented",
                                                             "internal error",
                                                             "pending",
                                                             "unknown error"};
  const auto index = static_cast<std::size_t>(code);
  return index < names.size() ? names[index] : names.back();
}

Status::Status(Code code, std::string message, Status cause)
    : failure_(std::make_shared<const Failure>(Failure{code, std::move(message), std::move(cause)})) {}

Code Status::code() const noexcept { return failure_ ? failure_->code : Code::ok; }

std::string_view Status::message() const noexcept { return failure_ ? std::string_view(failure_->message) : std::string_view(); }

Status Status::cause() const { return failure_ ? failure_->cause : Status(); }

std::string Status::to_string() const {
  std::string text(message());
  for (Status below = cause(); !below.ok(); below = below.cause()) text.append(": ").append(below.message());
  return text;
}

}  // namespace polymetis
