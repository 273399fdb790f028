#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstring>

#include "errors.hpp"
#include "fleet_objects.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace polymetis::python {
namespace {

std::vector<std::size_t> frame_shape(const TensorInfo& tensor, std::size_t batch) {
  std::vector<std::size_t> shape = tensor.shape;
  shape[0] /= batch;
  return shape;
}

double seconds(TimePoint time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

nb::object error_of(const PyResult& self) {
  if (self.result.ok()) return nb::none();
  static Imported of_outcome("polymetis._errors", "exception_of_outcome");
  return of_outcome.get()(outcome_name(self.result.outcome), static_cast<int>(self.result.status.code()), text(self.result.status.to_string()));
}

void raise_if_not_ok(const PyResult& self) {
  if (self.result.ok()) return;
  const nb::object error = error_of(self);
  PyErr_SetObject(error.type().ptr(), error.ptr());
  throw nb::python_error();
}

using Copy = std::unique_ptr<std::int8_t[]>;

/// All at once, before any Python object is made: that may let another thread do the same.
std::vector<Copy> copies_of(const Result& result) {
  std::vector<Copy> copies;
  for (const auto from : result.outputs()) {
    copies.push_back(std::make_unique<std::int8_t[]>(from.size()));
    std::memcpy(copies.back().get(), from.data(), from.size());
  }
  return copies;
}

nb::object array_of(const TensorInfo& tensor, std::size_t batch, Copy copy) {
  const auto shape = frame_shape(tensor, batch);
  std::int8_t* const memory = copy.release();
  const nb::capsule owner(memory, [](void* bytes) noexcept { delete[] static_cast<std::int8_t*>(bytes); });
  return nb::cast(nb::ndarray<nb::numpy, std::int8_t>(memory, shape.size(), shape.data(), owner));
}

/// Arrays of its own: the fleet's memory goes back at once, unless it is viewed.
nb::list outputs(PyResult& self) {
  raise_if_not_ok(self);
  if (!self.outputs.is_valid()) {
    std::vector<Copy> copies = copies_of(self.result);
    nb::list arrays;
    for (std::size_t i = 0; i < copies.size(); ++i) arrays.append(array_of(self.model->outputs[i], self.model->batch, std::move(copies[i])));
    if (!self.outputs.is_valid()) self.outputs = nb::tuple(arrays);
    if (!self.viewed) self.result.release_outputs();
  }
  return nb::list(self.outputs);
}

nb::list read_only(nb::handle arrays) {
  nb::list views;
  for (nb::handle array : arrays) {
    const nb::object view = array.attr("view")();
    view.attr("setflags")("write"_a = false);
    views.append(view);
  }
  return views;
}

/// Read-only arrays over the fleet's memory, or over `outputs` where that was copied before; valid while `owner` lives.
nb::list views(nb::object owner) {
  if (!nb::isinstance<PyResult>(owner)) raise("InvalidType", std::string("A view is of a Result; got ") + nb::type_name(owner.type()).c_str() + ".");
  PyResult& self = nb::cast<PyResult&>(owner);
  raise_if_not_ok(self);
  if (self.result.outputs().empty()) return read_only(self.outputs);
  self.viewed = true;
  nb::list arrays;
  for (std::size_t i = 0; i < self.model->outputs.size(); ++i) {
    const auto from = self.result.outputs()[i];
    const auto shape = frame_shape(self.model->outputs[i], self.model->batch);
    arrays.append(nb::cast(nb::ndarray<nb::numpy, const std::int8_t>(from.data(), shape.size(), shape.data(), owner)));
  }
  return arrays;
}

nb::object times(const PyResult& self) {
  static Imported make("polymetis._results", "Times");
  const FrameTimes& t = self.result.times;
  return make.get()(seconds(t.captured), seconds(t.submitted), seconds(t.started), seconds(t.input_started), seconds(t.compute_started),
                    seconds(t.compute_ended), seconds(t.output_ended), seconds(t.ended), seconds(t.delivered));
}

nb::object device(const PyResult& self) {
  const std::uint32_t index = self.result.device;
  if (index >= self.names->devices.size()) return nb::none();
  return text(self.names->devices[index]);
}

}  // namespace

nb::list arrays_over(const std::vector<TensorInfo>& tensors, std::size_t batch, std::span<const std::span<std::byte>> memory, nb::handle owner) {
  nb::list arrays;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto shape = frame_shape(tensors[i], batch);
    arrays.append(nb::cast(nb::ndarray<nb::numpy, std::int8_t>(memory[i].data(), shape.size(), shape.data(), owner)));
  }
  return arrays;
}

void bind_result(nb::module_& module) {
  nb::class_<PyResult> bound(module, "Result", "How one frame ended. Made by a Stream or Fleet; outlives both.");
  bound.def_prop_ro("number", [](const PyResult& self) { return self.result.number; }, "The frame's number in its stream, from 0 without a gap.");
  bound.def_prop_ro("tag", [](const PyResult& self) { return self.result.tag; }, "As given to submit().");
  bound.def_prop_ro(
      "outcome", [](const PyResult& self) { return nb::str(outcome_name(self.result.outcome)); },
      nb::sig("def outcome(self) -> typing.Literal['outputs', 'dropped', 'late', 'failed']"), "'outputs', 'dropped', 'late' or 'failed'.");
  bound.def_prop_ro("ok", [](const PyResult& self) { return self.result.ok(); }, "Whether there are outputs.");
  bound.def_prop_ro("error", &error_of, nb::sig("def error(self) -> RuntimeError | None"),
                    "Why there are none: what touching `outputs` raises. None where there are.");
  bound.def_prop_ro("outputs", &outputs, nb::sig("def outputs(self) -> list[numpy.typing.NDArray[numpy.int8]]"),
                    "One int8 array a model output, of one frame's shape, owned by you. Raises the cause (FrameDropped, FrameLate, or what failed) "
                    "where there are none.");
  module.def(
      "result_views", [](nb::object result) { return views(std::move(result)); }, nb::arg("result"),
      nb::sig("def result_views(result: Result) -> list[numpy.typing.NDArray[numpy.int8]]"), "What polymetis.fleet.view is made of.");
  bound.def_prop_ro("times", &times, nb::sig("def times(self) -> polymetis._results.Times"),
                    "When what happened, in seconds of time.monotonic(); 0 where it never did.");
  bound.def_prop_ro("device", &device, nb::sig("def device(self) -> str | None"), "The name of the card that answered; None where none did.");
  bound.def_prop_ro("attempts", [](const PyResult& self) { return self.result.attempts; }, "Runs that were begun, also those that were given up.");
  bound.def(
      "__repr__",
      [](const PyResult& self) { return nb::str("<Result {} {}>").attr("format")(self.result.number, outcome_name(self.result.outcome)); },
      nb::sig("def __repr__(self) -> str"));
}

}  // namespace polymetis::python
