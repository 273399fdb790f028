#include "convert.hpp"
#include "errors.hpp"
#include "gate.hpp"
#include "objects.hpp"

namespace nb = nanobind;

namespace polymetis::python {
namespace {

nb::dict properties_of(const PyModel& self) {
  const auto model = self.get();
  nb::dict result;
  result["preamble_graph"] = text(model->preamble_graph);
  result["postamble_graph"] = text(model->postamble_graph);
  result["input_tensor_layout"] = "NHWC";
  return result;
}

nb::list labels(const PyModel& self) {
  nb::list result;
  for (const std::string& label : self.get()->labels) {
    result.append(text(label));
  }
  return result;
}

}  // namespace

std::shared_ptr<const Model> PyModel::get() const {
  if (!model) {
    raise("InvalidArgument", "This model was released; load it again.");
  }
  if (context.is_valid()) {
    check(nb::cast<const PyContext&>(context).handle.check());
  }
  return model;
}

void bind_model(nb::module_& module) {
  using Slots = Collected<PyModel, &PyModel::context>;
  nb::class_<PyModel, Object> bound(module, "Model", nb::type_slots(Slots::slots), nb::is_weak_referenceable(),
                                    "A compiled package in host memory. Made by Context.load_model. Thread-safe.");
  bind_with(bound);
  bound.def_prop_ro(
      "context", [](const PyModel& self) { return self.context; }, nb::sig("def context(self) -> Context"), "The context it was made by.");
  bound.def(
      "release", [](PyModel& self) { self.model.reset(); }, "Releases the package; its instances keep what they need and go on. Again does nothing.");
  bound.def(
      "inputs", [](const PyModel& self) { return tensor_infos(self.get()->inputs); },
      nb::sig("def inputs(self) -> list[polymetis._tensor.TensorInfo]"), "The tensors that run() takes, for a batch of the model.");
  bound.def(
      "outputs", [](const PyModel& self) { return tensor_infos(self.get()->outputs); },
      nb::sig("def outputs(self) -> list[polymetis._tensor.TensorInfo]"), "The tensors that run() fills, for a batch of the model.");
  bound.def_prop_ro("properties", &properties_of, nb::sig("def properties(self) -> dict[str, str]"),
                    "preamble_graph, postamble_graph: file names inside the package, empty where there is none; input_tensor_layout: NHWC.");
  bound.def_prop_ro("name", [](const PyModel& self) { return text(self.get()->name); }, nb::sig("def name(self) -> str"), "The package's name.");
  bound.def_prop_ro(
      "task", [](const PyModel& self) { return text(self.get()->task); }, nb::sig("def task(self) -> str"),
      "detection, pose, classification or other.");
  bound.def_prop_ro("labels", &labels, nb::sig("def labels(self) -> list[str]"), "One a class; may be empty.");
  bound.def_prop_ro(
      "batch", [](const PyModel& self) { return self.get()->batch; }, nb::sig("def batch(self) -> int"), "Frames a run, and cores an instance.");
  bound.def_prop_ro(
      "directory", [](const PyModel& self) { return nb::module_::import_("pathlib").attr("Path")(text(self.get()->directory.string())); },
      nb::sig("def directory(self) -> pathlib.Path"), "The package's folder.");
  bound.def_prop_ro(
      "content_hash", [](const PyModel& self) { return text(self.get()->content_hash); }, nb::sig("def content_hash(self) -> str"),
      "Two models with one hash are the same model.");
  bound.def_prop_ro(
      "instance_bytes", [](const PyModel& self) { return self.get()->instance_bytes(); }, nb::sig("def instance_bytes(self) -> int"),
      "What one instance takes of a card's memory.");
}

}  // namespace polymetis::python
