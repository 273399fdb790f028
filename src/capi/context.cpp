#include <cstring>

#include "capi/border.hpp"

using namespace polymetis;
using namespace polymetis::capi;

namespace {

Logger logger_of(axr_logger_fn function, void* argument) {
  if (function == nullptr) return nullptr;
  return [function, argument](LogLevel level, const char* message) {
    try {
      function(argument, static_cast<axrLogLevel>(level), message);
    } catch (...) {  // a C++ program's function may throw although it must not; nothing of it may end a thread of the library
    }
  };
}

}  // namespace

axrContext* axr_create_context() {
  try {
    auto made = caught(__func__, [] { return Context::create(); });
    auto given = give<axrContext>(std::make_shared<ContextObject>(std::move(made)), nullptr);
    if (given) return *given;
    record_failure(Handle::none, given.error());
  } catch (...) {
  }
  // Not NULL, and what it is not tells every call: never a handle, so never an object.
  return reinterpret_cast<axrContext*>(static_cast<std::uintptr_t>(1));
}

void axr_destroy(const axrObject* object) {
  if (object == nullptr) return;
  try {
    const Status status = HandleTable::current().end(handle_of(object));
    if (!status.ok()) record_failure(handle_of(object), Status(status.code(), "axr_destroy wants an object: " + status.to_string()));
  } catch (...) {
  }
}

axrContext* axr_get_context(const axrObject* object) {
  if (object == nullptr) return nullptr;
  try {
    HandleTable& table = HandleTable::current();
    const auto found = table.find(handle_of(object));
    if (found) return reinterpret_cast<axrContext*>(static_cast<std::uintptr_t>(table.root_of(handle_of(object))));
    record_failure(handle_of(object), Status(found.error().code(), "axr_get_context wants an object: " + found.error().to_string()));
  } catch (...) {
  }
  return nullptr;
}

axrResult axr_last_error(const axrObject* object) {
  try {
    return static_cast<axrResult>(last_error_of(handle_of(object)).code);
  } catch (...) {
    return AXR_ERROR_INTERNAL_ERROR;
  }
}

const char* axr_last_error_string(const axrObject* object) {
  try {
    return lend_text(last_error_of(handle_of(object)).sentence);
  } catch (...) {
    return "there is no memory for the sentence";
  }
}

void axr_set_logger(axrContext* context, axrLogLevel level, axr_logger_fn fn, void* arg) {
  // C may pass any number, which this enumeration cannot hold.
  int number = 0;
  static_assert(sizeof number == sizeof level);
  std::memcpy(&number, &level, sizeof number);
  call<ContextObject>(__func__, context, [&](ContextObject& object) -> Status {
    if (!object.context) return object.context.error();
    if (number < AXR_LOG_TRACE || number > AXR_LOG_ERROR) {
      return Status(Code::value_error, "axr_set_logger: there is no log level " + std::to_string(number) + "; levels are 0 (trace) to 6 (error)");
    }
    object.context->set_logger(static_cast<LogLevel>(number), logger_of(fn, arg));
    return {};
  });
}
