#pragma once

#include <functional>
#include <string>

#include "polymetis/export.hpp"

namespace polymetis {

/// The numbers are those of `axrLogLevel`.
enum class LogLevel : int { trace, log, debug, info, fixme, warning, error };

/// Receives a message on the thread that logs it. It may call back into the library, and must not throw.
using Logger = std::function<void(LogLevel level, const char* message)>;

}  // namespace polymetis
