#pragma once

#include "polymetis/context.hpp"

namespace polymetis::python {

/// Sends the messages of `context` to Python's logging.
void forward_log(const Context& context);

}  // namespace polymetis::python
