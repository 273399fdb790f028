#pragma once

#include <memory>

#include "virtual/compute.hpp"

namespace polymetis::virtual_card {

/// The network of `model` on the CPU, by OpenVINO. Compiled once for the process, whatever the number of instances; of the compiled network there
/// is one copy of its scratch memory a thread that may compute at once, at most `most_at_once`. A thread computes on its caller's CPU alone.
///
/// Slow the first time. Thread-safe.
/// Errors: `value_error` the graph cannot be read or its tensors are not those of `model` (both are named).
Expected<std::unique_ptr<Compute>> load_network(std::shared_ptr<const Model> model, unsigned most_at_once);

}  // namespace polymetis::virtual_card
