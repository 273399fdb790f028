#include "convert.hpp"
#include "errors.hpp"
#include "gate.hpp"
#include "objects.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace polymetis::python {
namespace {

nb::object load_instance(nb::handle self, nb::handle model, const nb::kwargs& keywords) {
  const auto& connection = nb::cast<const PyConnection&>(self);
  if (!nb::isinstance<PyModel>(model))
    raise("InvalidType", std::string("load_model_instance takes a Model, which load_model gives; got ") + nb::type_name(model.type()).c_str() + ".");
  const std::shared_ptr<const Model> loaded = nb::cast<const PyModel&>(model).get();
  const Properties asked = properties(keywords);
  auto instance = [&] {
    const Unlocked unlocked;
    return connection.handle.load_model_instance(loaded, asked);
  }();
  return nb::cast(new PyInstance(check(std::move(instance)), nb::borrow(self), nb::borrow(model)), nb::rv_policy::take_ownership);
}

nb::object device(const PyConnection& self) {
  auto found = [&] {
    const Unlocked unlocked;
    return self.handle.device();
  }();
  return device_info(check(std::move(found)));
}

nb::tuple cores(const PyConnection& self) {
  nb::list list;
  const std::vector<unsigned> found = check(self.handle.cores());
  for (const unsigned core : found) {
    list.append(core);
  }
  return nb::tuple(list);
}

void release(PyConnection& self) {
  const Unlocked unlocked;
  self.handle.release();
}

}  // namespace

PyConnection::~PyConnection() {
  const Unlocked unlocked;
  handle = Connection();
}

void bind_connection(nb::module_& module) {
  using Slots = Collected<PyConnection, &PyConnection::context>;
  nb::class_<PyConnection, Object> bound(module, "Connection", nb::type_slots(Slots::slots), nb::is_weak_referenceable(),
                                         "Cores reserved on one device. Made by Context.device_connect; freed by release(), the end of `with`, the "
                                         "garbage collector or the end of the process. Thread-safe.");
  bind_with(bound);
  bound.def_prop_ro(
      "context", [](const PyConnection& self) { return self.context; }, nb::sig("def context(self) -> Context"), "The context it was made by.");
  bound.def_prop_ro("device", &device, nb::sig("def device(self) -> polymetis._device.DeviceInfo"), "The device, as it is now.");
  bound.def_prop_ro("cores", &cores, nb::sig("def cores(self) -> tuple[int, ...]"), "The numbers of the reserved cores, consecutive.");
  bound.def("release", &release,
            "Releases its instances and frees the cores. Waits for runs that are going on, 5 s at most for all. Again: likewise.");
  bound.def("load_model_instance", &load_instance, "model"_a.none(), "keywords"_a,
            nb::sig("def load_model_instance(self, model: Model, **kwargs: polymetis._types.Property) -> ModelInstance"),
            "Loads a model on free cores of this connection; several instances may share a connection.\n\n"
            "num_sub_devices: cores, 0 for the model's batch; more than the batch multiplies the leading dimension of all tensors.\n"
            "aipu_cores: share of the on-chip memory, in cores (0: num_sub_devices).\n"
            "input_dmabuf, output_dmabuf: arguments are file descriptors that can be mapped.\n"
            "double_buffer: run i gives the result of run i - 2; the first two are zero points. run_async gives its own, undelayed.\n"
            "async_mode, max_inflight, max_pending: how many run_async may be queued.\n"
            "device_profiling, host_profiling, elf_in_ddr: as the API has them.\n\n"
            "Raises InvalidConfiguration for an unknown keyword, ValueError for a bad value, InvalidArgument for more cores than are free, "
            "RuntimeError where the model does not fit the card's memory (with the numbers), IncompatibleDevice.");
}

}  // namespace polymetis::python
