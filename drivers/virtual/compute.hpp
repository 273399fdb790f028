#pragma once

#include <memory>
#include <span>

#include "polymetis/driver.hpp"
#include "polymetis/model.hpp"

namespace polymetis::virtual_card {

/// What turns inputs into outputs on one instance. One run at a time, from any thread.
class Compute {
 public:
  virtual ~Compute() = default;
  /// Runs `rows` times over consecutive parts of the buffers.
  /// Error: `runtime_error` the network could not be computed.
  virtual Status run(std::span<const Buffer> inputs, std::span<const Buffer> outputs, std::size_t rows) noexcept = 0;
};

/// Computes nothing: every output is its zero point. `model` lives longer.
std::unique_ptr<Compute> zero_points(const Model& model);

}  // namespace polymetis::virtual_card
