#pragma once

#include "polymetis/context.hpp"

namespace polymetis::runtime {

/// Blocks until `latch` is open, asking `options.interrupted` every 50 ms.
/// Errors: `runtime_error` interrupted; in virtual time, nothing is left that could ever open it.
Status wait_for(Host& host, Latch& latch, const RunOptions& options);

}  // namespace polymetis::runtime
