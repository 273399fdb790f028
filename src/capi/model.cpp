#include <algorithm>

#include "capi/border.hpp"

using namespace polymetis;
using namespace polymetis::capi;

namespace {

axrTensorInfo info_of(const TensorInfo& tensor) {
  axrTensorInfo info{};
  info.ndims = std::min<std::size_t>(tensor.shape.size(), AXR_MAX_TENSOR_DIMS);  // a package with more is refused
  for (std::size_t i = 0; i < info.ndims; ++i) {
    info.dims[i] = tensor.shape[i];
    if (i >= tensor.padding.size()) continue;
    info.padding[i][0] = tensor.padding[i].before;
    info.padding[i][1] = tensor.padding[i].after;
  }
  info.bits = 8;
  info.type = AXR_SIGNED;
  tensor.name.copy(info.name, sizeof(info.name) - 1);
  info.scale = tensor.scale;
  info.zero_point = tensor.zero_point;
  return info;
}

Expected<axrTensorInfo> tensor_at(const char* function, const std::vector<TensorInfo>& tensors, size_t n) {
  if (n < tensors.size()) return info_of(tensors[n]);
  return failure(Code::invalid_argument, std::string(function) + ": there is no tensor " + std::to_string(n) + "; the model has " +
                                             std::to_string(tensors.size()) + ", counted from 0");
}

}  // namespace

axrModel* axr_load_model(axrContext* context, const char* path) {
  return call<ContextObject>(__func__, context, [&](ContextObject& object) -> Expected<axrModel*> {
    if (!object.context) return Unexpected(object.context.error());
    if (path == nullptr) return failure(Code::invalid_argument, "axr_load_model wants the path of a package: NULL was given");
    auto model = object.context->load_model(path);
    if (!model) return Unexpected(model.error());
    return give<axrModel>(std::make_shared<ModelObject>(*std::move(model)), context);
  });
}

size_t axr_num_model_inputs(const axrModel* model) {
  return call<ModelObject>(__func__, model, [](ModelObject& object) -> Expected<size_t> { return object.model->inputs.size(); });
}

size_t axr_num_model_outputs(const axrModel* model) {
  return call<ModelObject>(__func__, model, [](ModelObject& object) -> Expected<size_t> { return object.model->outputs.size(); });
}

axrTensorInfo axr_get_model_input(const axrModel* model, size_t n) {
  return call<ModelObject>(__func__, model, [&](ModelObject& object) { return tensor_at("axr_get_model_input", object.model->inputs, n); });
}

axrTensorInfo axr_get_model_output(const axrModel* model, size_t n) {
  return call<ModelObject>(__func__, model, [&](ModelObject& object) { return tensor_at("axr_get_model_output", object.model->outputs, n); });
}

axrProperties* axr_get_model_properties(const axrModel* model) {
  return call<ModelObject>(__func__, model, [&](ModelObject& object) {
    Properties properties{
        {"preamble_graph", object.model->preamble_graph}, {"postamble_graph", object.model->postamble_graph}, {"input_tensor_layout", "NHWC"}};
    return give<axrProperties>(std::make_shared<PropertiesObject>(std::move(properties)), model);
  });
}
