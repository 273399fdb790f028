#pragma once

#include "polymetis/context.hpp"

namespace polymetis::runtime {

/// While it lives this thread is inside a run or a callback of one, and must not wait for a run to end. Thread-bound.
class InsideRun {
 public:
  InsideRun() noexcept;
  ~InsideRun();
  InsideRun(const InsideRun&) = delete;
  InsideRun& operator=(const InsideRun&) = delete;
};
[[nodiscard]] bool is_inside_run() noexcept;

/// How long a release waits for a run of a device with this hang floor.
Duration release_patience(Duration hang_floor) noexcept;

/// Blocks until `latch` is open, asking `options.interrupted` every 50 ms.
/// Errors: `runtime_error` interrupted; in virtual time, nothing is left that could ever open it.
Status wait_for(Host& host, Latch& latch, const RunOptions& options);

}  // namespace polymetis::runtime
