#include <utility>

#include "convert.hpp"
#include "errors.hpp"
#include "gate.hpp"
#include "objects.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace polymetis::python {
namespace {

bool interrupted(void* unlocked) { return static_cast<Unlocked*>(unlocked)->interrupted(); }

/// Memory for one run: the last run's, if the device has let go of it.
std::shared_ptr<Held> take(PyInstance& self) { return self.spare ? std::exchange(self.spare, nullptr) : Held::make(); }

void give_back(PyInstance& self, std::shared_ptr<Held>&& held) {
  if (held.use_count() == 1) {
    held->clear();
    self.spare = std::move(held);
  }
}

void run(PyInstance& self, nb::handle inputs, nb::handle outputs) {
  std::shared_ptr<Held> held = take(self);
  held->fill(self.borders, inputs, outputs);
  const ModelInstance instance = self.handle;  // another thread may let go of `self` meanwhile
  const Status status = [&] {
    Unlocked unlocked;
    return instance.run(held->inputs, held->outputs, {.interrupted = interrupted, .interrupted_argument = &unlocked, .keep_alive = held});
  }();
  give_back(self, std::move(held));
  if (PyErr_Occurred() != nullptr) {
    throw nb::python_error();
  }
  check(status);
}

/// Ends the future; on a thread of the host.
void finish(Held& held, const Status& status) {
  const Locked locked;
  if (!locked || !held.future.is_valid()) {
    return;
  }
  const nb::object future = std::move(held.future);
  held.let_go();  // before anyone hears of the end: the arrays are the caller's again
  try {
    if (status.ok()) {
      future.attr("set_result")(nb::none());
    } else {
      future.attr("set_exception")(exception(status));
    }
  } catch (nb::python_error& error) {
    error.discard_as_unraisable("polymetis: the end of an asynchronous run");
  }
}

nb::object run_async(PyInstance& self, nb::handle inputs, nb::handle outputs) {
  static Imported make("polymetis._future", "run_future");
  const std::shared_ptr<Held> held = Held::make();
  held->fill(self.borders, inputs, outputs);
  nb::object future = make.get()();
  held->future = future;
  const ModelInstance instance = self.handle;
  const Status status = [&] {
    const Unlocked unlocked;
    return instance.run_async(held->inputs, held->outputs, [held](const Status& end) { finish(*held, end); }, held);
  }();
  check(status);
  return future;
}

nb::list tensors(const PyInstance& self, Expected<std::vector<TensorInfo>> (ModelInstance::*get)() const) {
  auto found = [&] {
    const Unlocked unlocked;
    return (self.handle.*get)();
  }();
  return tensor_infos(check(std::move(found)));
}

void release(PyInstance& self) {
  const Unlocked unlocked;
  self.handle.release();
}

Borders borders_of(const ModelInstance& instance) {
  Borders borders;
  for (const TensorInfo& tensor : check(instance.inputs())) {
    borders.inputs.emplace_back(tensor);
  }
  for (const TensorInfo& tensor : check(instance.outputs())) {
    borders.outputs.emplace_back(tensor);
  }
  return borders;
}

}  // namespace

PyInstance::PyInstance(ModelInstance instance, nb::object connection_of, nb::object model_of)
    : handle(std::move(instance)), connection(std::move(connection_of)), model(std::move(model_of)), borders(borders_of(handle)) {}

PyInstance::~PyInstance() {
  const Unlocked unlocked;
  handle = ModelInstance();
}

void bind_instance(nb::module_& module) {
  using Slots = Collected<PyInstance, &PyInstance::connection, &PyInstance::model>;
  nb::class_<PyInstance, Object> bound(module, "ModelInstance", nb::type_slots(Slots::slots), nb::is_weak_referenceable(),
                                       "A model on cores of a connection; runs one frame (or one batch) at a time. Made by "
                                       "Connection.load_model_instance. May be handed from thread to thread; two at once is an error.");
  bind_with(bound);
  bound.def_prop_ro(
      "context", [](const PyInstance& self) { return self.connection.is_valid() ? self.connection.attr("context") : nb::none(); },
      nb::sig("def context(self) -> Context"), "The context it belongs to.");
  bound.def_prop_ro(
      "connection", [](const PyInstance& self) { return self.connection; }, nb::sig("def connection(self) -> Connection"),
      "The connection it was made by.");
  bound.def_prop_ro("model", [](const PyInstance& self) { return self.model; }, nb::sig("def model(self) -> Model"), "The model it was made from.");
  bound.def("release", &release, "Takes the model off its cores. Waits for runs that are going on, 5 s at most for all. Again: likewise.");
  bound.def(
      "inputs", [](const PyInstance& self) { return tensors(self, &ModelInstance::inputs); },
      nb::sig("def inputs(self) -> list[polymetis._tensor.TensorInfo]"),
      "The tensors that run() takes; the leading dimension counts the instance's cores.");
  bound.def(
      "outputs", [](const PyInstance& self) { return tensors(self, &ModelInstance::outputs); },
      nb::sig("def outputs(self) -> list[polymetis._tensor.TensorInfo]"),
      "The tensors that run() fills; the leading dimension counts the instance's cores.");
  bound.def("run", &run, "inputs"_a.none(), "outputs"_a.none(),
            nb::sig("def run(self, inputs: typing.Sequence[polymetis._types.Tensor], outputs: typing.Sequence[polymetis._types.Tensor]) -> None"),
            "Runs one frame (or one batch) and blocks until the outputs are written; other threads run meanwhile.\n\n"
            "inputs, outputs: a list with one item for each of inputs() and outputs(), in that order: a C-contiguous int8 array of its shape\n"
            "(NumPy, buffer protocol or DLPack), raw bytes of its size, or the descriptor of a dma-buf or memfd of its size. Outputs are written in\n"
            "place and overlap nothing. uint8 is refused: quantise first.\n"
            "Ctrl-C ends the wait; the arrays are kept until the device lets go of them.\n\n"
            "Raises InvalidArgument for a wrong number, shape, type, layout, size, an overlap, a read-only output, after release, or while another "
            "thread runs it; ConnectionError where the device or its link failed; RuntimeError where the run failed.");
  bound.def("run_async", &run_async, "inputs"_a.none(), "outputs"_a.none(),
            nb::sig("def run_async(self, inputs: typing.Sequence[polymetis._types.Tensor], outputs: typing.Sequence[polymetis._types.Tensor]) "
                    "-> polymetis._future.RunFuture"),
            "Queues one frame and returns at once; arguments as for run(). The arrays are kept until the device lets go of them.\n\n"
            "Gives a future: result(timeout), done(), add_done_callback() as in concurrent.futures, or await it.\n"
            "Raises as run(), and Pending where the queue is full.");
}

}  // namespace polymetis::python
