#include <array>
#include <span>
#include <vector>

#include "capi/border.hpp"

using namespace polymetis;
using namespace polymetis::capi;

namespace {

/// A caller's arguments as the runtime takes them; few of them without touching the heap.
class Arguments {
 public:
  Status read(const char* function, const axrArgument* from, size_t count) {
    if (from == nullptr && count != 0)
      return Status(Code::invalid_argument, std::string(function) + " wants " + std::to_string(count) + " arguments: NULL was given");
    if (count > most) {
      return Status(Code::invalid_argument, std::string(function) + " was given " + std::to_string(count) + " arguments; a model has " +
                                                std::to_string(most) + " tensors at most");
    }
    if (count > few_.size()) many_.resize(count);
    arguments_ = count > few_.size() ? std::span<Argument>(many_) : std::span<Argument>(few_).first(count);
    for (size_t i = 0; i < count; ++i) {
      arguments_[i] = {.data = from[i].ptr, .fd = from[i].fd > 0 ? from[i].fd : -1, .offset_bytes = from[i].offset, .size_bytes = from[i].size};
    }
    return {};
  }
  [[nodiscard]] std::span<const Argument> get() const noexcept { return arguments_; }

 private:
  static constexpr size_t most = 64;
  std::array<Argument, 8> few_;
  std::vector<Argument> many_;
  std::span<Argument> arguments_;
};

/// `run` with both lists read.
template <class Run>
Status with_arguments(const char* function, const axrArgument* inputs, size_t num_inputs, const axrArgument* outputs, size_t num_outputs, Run&& run) {
  Arguments in;
  if (Status status = in.read(function, inputs, num_inputs); !status.ok()) return status;
  Arguments out;
  if (Status status = out.read(function, outputs, num_outputs); !status.ok()) return status;
  return run(in.get(), out.get());
}

RunCallback callback_of(Handle instance, axr_run_callback_fn callback, void* argument) {
  return [=](const Status& status) {
    if (!status.ok()) record_failure(instance, status);
    try {
      callback(argument, static_cast<axrResult>(status.code()));
    } catch (...) {  // as in a logger: it must not, and it must not end a thread of the library
    }
  };
}

}  // namespace

axrModelInstance* axr_load_model_instance(axrConnection* connection, axrModel* model, const axrProperties* properties) {
  return call<ConnectionObject>(__func__, connection, [&, function = __func__](ConnectionObject& object) -> Expected<axrModelInstance*> {
    const auto loaded = find<ModelObject>(function, model);
    if (!loaded) return Unexpected(loaded.error());
    const auto items = properties_of(function, properties);
    if (!items) return Unexpected(items.error());
    auto instance = object.connection.load_model_instance((*loaded)->model, *items);
    if (!instance) return Unexpected(instance.error());
    return give<axrModelInstance>(std::make_shared<InstanceObject>(*std::move(instance)), connection);
  });
}

axrResult axr_run_model_instance(axrModelInstance* instance, const axrArgument* inputs, size_t num_inputs, const axrArgument* outputs,
                                 size_t num_outputs) {
  return call<InstanceObject>(__func__, instance, [&, function = __func__](InstanceObject& object) {
    return with_arguments(function, inputs, num_inputs, outputs, num_outputs, [&](auto in, auto out) { return object.instance.run(in, out); });
  });
}

axrResult axr_run_async_model_instance(axrModelInstance* instance, const axrArgument* inputs, size_t num_inputs, const axrArgument* outputs,
                                       size_t num_outputs, axr_run_callback_fn callback, void* arg) {
  return call<InstanceObject>(__func__, instance, [&, function = __func__](InstanceObject& object) {
    if (callback == nullptr) return Status(Code::invalid_argument, std::string(function) + " wants a callback: NULL was given");
    return with_arguments(function, inputs, num_inputs, outputs, num_outputs,
                          [&](auto in, auto out) { return object.instance.run_async(in, out, callback_of(handle_of(instance), callback, arg)); });
  });
}
