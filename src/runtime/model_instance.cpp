#include <fmt/format.h>

#include "base/try.hpp"
#include "polymetis/context.hpp"
#include "runtime/instance_impl.hpp"
#include "runtime/loader.hpp"

namespace polymetis {

using runtime::at_border;
using runtime::Border;
using runtime::ConnectionParts;
using runtime::LoadSettings;

namespace {

/// Cores of a connection, its device and their lease, until the driver's instance is gone.
struct CoresTaken {
  CoresTaken(std::shared_ptr<ConnectionParts> parts_, CoreRange cores_) : parts(std::move(parts_)), cores(cores_) {}
  ~CoresTaken() { parts->free_cores.give(cores); }
  CoresTaken(const CoresTaken&) = delete;
  CoresTaken& operator=(const CoresTaken&) = delete;

  const runtime::Departure gone;
  const std::shared_ptr<ConnectionParts> parts;
  const CoreRange cores;
};

Border::Side side_of(Border::Side side, const std::vector<TensorInfo>& tensors, std::size_t rows, bool takes_fds) {
  side.takes_fds = takes_fds;
  for (TensorInfo tensor : tensors) {
    if (!tensor.shape.empty()) tensor.shape[0] *= rows;
    side.sizes_bytes.push_back(tensor.size_bytes());
    side.tensors.push_back(std::move(tensor));
  }
  return side;
}

Border border_of(const Model& model, std::size_t rows, const LoadSettings& settings) {
  Border border;
  border.inputs = side_of(border.inputs, model.inputs, rows, settings.input_dmabuf);
  border.outputs = side_of(border.outputs, model.outputs, rows, settings.output_dmabuf);
  return border;
}

/// Cores of an instance: what is asked for, else the model's batch.
Expected<std::size_t> core_count_of(const Model& model, const LoadSettings& settings) {
  const std::size_t cores = settings.num_sub_devices != 0 ? settings.num_sub_devices : model.batch;
  if (cores % model.batch == 0) return cores;
  return failure(Code::value_error,
                 fmt::format("load_model_instance: the property num_sub_devices is '{}'; allowed is a multiple of {}, the batch of '{}', or 0", cores,
                             model.batch, model.name));
}

Expected<std::shared_ptr<CoresTaken>> take_cores(const std::shared_ptr<ConnectionParts>& parts, std::size_t count) {
  const CoreRange all = parts->lease->cores();
  const auto cores = count <= all.count ? parts->free_cores.take(static_cast<unsigned>(count)) : std::nullopt;
  if (cores) return std::make_shared<CoresTaken>(parts, *cores);
  return failure(Code::invalid_argument,
                 fmt::format("num_sub_devices > available: the instance wants {} consecutive cores, and of the {} of this connection {} are free: "
                             "release an instance, or connect to more cores",
                             count, all.count, parts->free_cores.free_count()));
}

}  // namespace

Expected<ModelInstance> Connection::load_model_instance(const std::shared_ptr<const Model>& model, const Properties& properties) const {
  return at_border([&]() -> Expected<ModelInstance> {
    if (!impl_) return Unexpected(runtime::is_empty("Connection"));
    const auto parts = TRY(impl_->parts());
    if (!model) return failure(Code::invalid_argument, "load_model_instance wants a model: none was given");
    const LoadSettings settings = TRY(runtime::load_settings(properties));
    const std::size_t rows = TRY(core_count_of(*model, settings)) / model->batch;
    const auto cores = TRY(take_cores(parts, rows * model->batch));
    auto instance = runtime::load_on(parts->device, {.model = model, .cores = cores->cores, .rows = rows, .lease = cores});
    if (!instance) {
      if (instance.error().code() == Code::connection_error) impl_->context->devices->forget(parts->device->description().name);
      return Unexpected(instance.error());
    }
    auto loaded = std::make_shared<ModelInstance::Impl>(ModelInstance::Impl::Parts{impl_, model, settings, border_of(*model, rows, settings), rows,
                                                                                   *std::move(instance), parts->device->description().name,
                                                                                   cores->gone.latch()});
    if (!impl_->add(loaded)) return Unexpected(runtime::was_released("Connection"));
    return ModelInstance(std::move(loaded));
  });
}

Status ModelInstance::run(std::span<const Argument> inputs, std::span<const Argument> outputs, const RunOptions& options) const {
  return at_border([&]() -> Status { return impl_ ? impl_->run(inputs, outputs, options) : runtime::is_empty("ModelInstance"); });
}

Status ModelInstance::run_async(std::span<const Argument> inputs, std::span<const Argument> outputs, RunCallback done,
                                std::shared_ptr<void> keep_alive) const {
  return at_border([&]() -> Status {
    return impl_ ? impl_->run_async(inputs, outputs, std::move(done), std::move(keep_alive)) : runtime::is_empty("ModelInstance");
  });
}

Expected<std::vector<TensorInfo>> ModelInstance::inputs() const {
  return at_border([&]() -> Expected<std::vector<TensorInfo>> {
    TRY(impl_ ? impl_->check() : runtime::is_empty("ModelInstance"));
    return impl_->border().inputs.tensors;
  });
}

Expected<std::vector<TensorInfo>> ModelInstance::outputs() const {
  return at_border([&]() -> Expected<std::vector<TensorInfo>> {
    TRY(impl_ ? impl_->check() : runtime::is_empty("ModelInstance"));
    return impl_->border().outputs.tensors;
  });
}

Connection ModelInstance::connection() const { return impl_ ? Connection(impl_->connection()) : Connection(); }

bool ModelInstance::released() const noexcept { return impl_ == nullptr || impl_->released(); }

void ModelInstance::release() noexcept {
  if (!impl_) return;
  impl_->begin_release(impl_->connection()->context->host->now());
  impl_->end_release();
}

}  // namespace polymetis
