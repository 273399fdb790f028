#pragma once

#include <nanobind/nanobind.h>

#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "objects.hpp"
#include "polymetis/fleet.hpp"

/// What the objects of polymetis.fleet hold. Handles are let go without the interpreter's lock, as that may wait for frames to end.
namespace polymetis::python {

/// What a stream and its results know of their fleet.
struct FleetNames {
  std::vector<std::string> devices;
};

struct PyResult {
  PyResult(Result&& ended, std::shared_ptr<const Model> of, std::shared_ptr<const FleetNames> fleet)
      : result(std::move(ended)), model(std::move(of)), names(std::move(fleet)) {}

  Result result;
  std::shared_ptr<const Model> model;
  std::shared_ptr<const FleetNames> names;
  nanobind::object outputs;  ///< arrays of its own, made when first asked for
  bool viewed = false;       ///< there are arrays over the fleet's memory
};

struct PySlot {
  Slot slot;
  std::shared_ptr<const Model> model;
};

struct PyStream {
  PyStream(Stream stream, std::shared_ptr<const FleetNames> fleet);
  ~PyStream();

  Stream handle;
  std::shared_ptr<const Model> model;
  std::shared_ptr<const FleetNames> names;
  Borders borders;                ///< of one frame; no outputs
  nanobind::object source;        ///< an iterator that the consumer pulls, or nothing
  nanobind::object source_error;  ///< what it raised; raised again when what came before is answered
  std::thread::id feeder;         ///< who pulls the source just now
  Slot pending;                   ///< pulled and not yet accepted
  std::vector<Result> ready;      ///< taken and not yet handed out, last first
  std::vector<Result> spare;
};

struct PyFleet {
  explicit PyFleet(Fleet fleet);
  ~PyFleet();

  Fleet handle;
  std::shared_ptr<FleetNames> names;
};

void bind_fleet(nanobind::module_& module);
void bind_stream(nanobind::module_& module);
void bind_result(nanobind::module_& module);

/// Copies one frame's tensors into `slot`. Errors: as `ModelInstance.run`.
void fill_slot(const Borders& borders, nanobind::handle inputs, Slot& slot);
/// One array over each tensor of one frame; `owner` keeps the memory.
nanobind::list arrays_over(const std::vector<TensorInfo>& tensors, std::size_t batch, std::span<const std::span<std::byte>> memory,
                           nanobind::handle owner);
FrameOptions frame_options(nanobind::handle captured_at, nanobind::handle deadline, nanobind::handle tag);
/// Errors: InvalidType; InvalidArgument below 0, over 1e9, NaN.
Duration duration(nanobind::handle seconds, const char* what);
nanobind::object metrics_of(const FleetMetrics& metrics);
nanobind::object explanation_of(const Explanation& explanation);
nanobind::object health_of(const std::vector<DeviceHealth>& health);

}  // namespace polymetis::python
