#include "logs.hpp"

#include <nanobind/nanobind.h>

#include "errors.hpp"
#include "gate.hpp"

namespace nb = nanobind;

namespace polymetis::python {
namespace {

void forward(LogLevel level, const char* message) {
  static Imported emit("polymetis._logs", "emit");
  const Locked locked;
  if (!locked) {
    return;
  }
  try {
    emit.get()(static_cast<int>(level), text(message));
  } catch (nb::python_error& error) {
    error.discard_as_unraisable("polymetis: a message to logging");
  }
}

}  // namespace

void forward_log(const Context& context) {
  static Imported lowest("polymetis._logs", "lowest_level");
  const auto level = static_cast<LogLevel>(nb::cast<int>(lowest.get()()));
  const Unlocked unlocked;
  context.set_logger(level, forward);
}

}  // namespace polymetis::python
