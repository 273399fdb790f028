// A user's program in C++: one instance a core over all cards, a worker thread each; globals are still alive when main ends.
#include <axruntime/axruntime.hpp>
#include <cstdio>
#include <thread>
#include <vector>

using axr::ptr;
using axr::to_ptr;

namespace {

ptr<axrContext> context;

struct Worker {
  ptr<axrConnection> connection;
  ptr<axrModelInstance> instance;
  int wrong = 0;

  void run(std::size_t in_bytes, std::size_t out_bytes) {
    std::vector<signed char> in(in_bytes), out(out_bytes);
    for (int frame = 0; frame < 20; ++frame) {
      in[0] = static_cast<signed char>(frame);
      std::vector<axrArgument> inputs = {{in.data(), 0, 0, in.size()}}, outputs(1);
      outputs[0].ptr = out.data();
      const axrResult result = axr_run_model_instance(instance.get(), inputs.data(), inputs.size(), outputs.data(), outputs.size());
      if (result != AXR_SUCCESS || out[0] != frame + 1) ++wrong;
    }
  }
};

int failed(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, axr_last_error_string(AXR_OBJECT(context.get())));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  context = to_ptr(axr_create_context());
  auto model = ptr<axrModel>(axr_load_model(context.get(), argv[1]));
  if (!model) return failed("load_model");
  axrDeviceInfo* devices = nullptr;
  const auto count = axr_list_devices(context.get(), &devices);
  std::vector<Worker> workers;
  for (std::size_t d = 0; d < count; ++d) {
    axrDeviceInfo by_name{};
    std::snprintf(by_name.name, sizeof(by_name.name), "%s", devices[d].name);
    for (std::size_t core = 0; core < devices[d].subdevice_count; ++core) {
      auto& worker = workers.emplace_back();
      worker.connection = to_ptr(axr_device_connect(context.get(), &by_name, 1, nullptr));
      if (!worker.connection) return failed("device_connect");
      worker.instance = to_ptr(axr_load_model_instance(worker.connection.get(), model.get(), nullptr));
      if (!worker.instance) return failed("load_model_instance");
    }
  }
  if (axr_device_connect(context.get(), nullptr, 1, nullptr) != nullptr) return failed("a core too many");
  if (axr_last_error(AXR_OBJECT(context.get())) != AXR_ERROR_DEVICE_IN_USE) return failed("not in use");

  const auto input = axr_get_model_input(model.get(), 0);
  const auto output = axr_get_model_output(model.get(), 0);
  auto [before, after] = input.padding[input.ndims - 1];
  std::vector<std::thread> threads;
  for (auto& worker : workers) threads.emplace_back(&Worker::run, &worker, axr_tensor_size(&input), axr_tensor_size(&output));
  for (auto& thread : threads) thread.join();
  for (auto& worker : workers) {
    if (worker.wrong != 0) return failed("wrong results");
  }
  std::printf("run: %zu instances, padding %zu %zu\ndone\n", workers.size(), before, after);
  return 0;
}
