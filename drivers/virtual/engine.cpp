#include "virtual/engine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <openvino/openvino.hpp>
#include <sstream>

#include "virtual/blob_cache.hpp"

// The only file that sees OpenVINO.
//
// A compiled network without streams (a lane) is run by one thread at a time, on the thread that calls, and waits for no thread of the engine's:
// that of a stream would be kept for the next network and be missing in a forked child, which would wait for it for ever. With streams in one
// compiled network the engine chooses the stream by the calling thread, and two threads that share one wait for each other on an idle CPU.

namespace polymetis::virtual_card {

namespace {

const ov::AnyMap& options() {
  static const ov::AnyMap map = {ov::num_streams(0), ov::inference_num_threads(1), ov::hint::enable_cpu_pinning(false),
                                 ov::hint::inference_precision(ov::element::f32)};
  return map;
}

/// It lives until the process that made it ends and until the last network is gone. In a forked child its end would wait for threads which only the
/// parent has, so there it is left alone.
struct Engine {
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine() {
    if (maker != ::getpid()) static_cast<void>(new std::shared_ptr<ov::Core>(std::move(core)));
  }

  const pid_t maker = ::getpid();
  std::shared_ptr<ov::Core> core = std::make_shared<ov::Core>();
};

std::shared_ptr<ov::Core> core() {
  static Engine engine;
  return engine.core;
}

/// What the engine says in one line, without the places in its own sources that it begins with.
std::string reason(const char* text) {
  std::istringstream lines(text);
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with("Exception from ") || line.starts_with("Check '")) continue;
    all += (all.empty() ? "" : "; ") + line;
  }
  return all.empty() ? "the engine gives no reason" : all.substr(0, 300);
}

using Port = ov::Output<const ov::Node>;

std::string shown(const Port& port) {
  const auto& shape = port.get_partial_shape();
  return fmt::format("{} {} {}", port.get_names().empty() ? std::string("(no name)") : port.get_any_name(), port.get_element_type().get_type_name(),
                     shape.to_string());
}

bool same(const TensorInfo& tensor, const Port& port) {
  return port.get_names().count(tensor.name) == 1 && port.get_element_type() == ov::element::i8 && port.get_partial_shape().is_static() &&
         port.get_shape() == ov::Shape(tensor.shape);
}

Status check(std::string_view what, const Model& model, const std::vector<TensorInfo>& tensors, const std::vector<Port>& ports) {
  if (tensors.size() != ports.size()) {
    return {Code::value_error, fmt::format("model {}: model.json names {} {}s, {} has {}: compile it again", model.name, tensors.size(), what,
                                           model.graph.filename().string(), ports.size())};
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (same(tensors[i], ports[i])) continue;
    return {Code::value_error, fmt::format("model {}: {} {} is {} i8 [{}] in model.json and {} in {}: compile it again", model.name, what, i,
                                           tensors[i].name, fmt::join(tensors[i].shape, ","), shown(ports[i]), model.graph.filename().string())};
  }
  return {};
}

template <class Graph>
Status check(const Model& model, const Graph& graph) {
  Status inputs = check("input", model, model.inputs, graph.inputs());
  return inputs.ok() ? check("output", model, model.outputs, graph.outputs()) : inputs;
}

/// Which of the files of a package are the network. The hash is of all files, whatever each is for.
std::string files_of(const Model& model) { return model.graph.filename().string() + '/' + model.weights.filename().string(); }

/// The name of the compiled network's file: other engine, CPU or options, another file.
std::string blob_name(const Model& model, ov::Core& core) {
  const auto place = model.content_hash.find(':');
  const auto hash = model.content_hash.substr(place == std::string::npos ? 0 : place + 1);
  if (hash.empty() || hash.size() > 64 || hash.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return {};
  std::string key = files_of(model) + ov::get_openvino_version().buildNumber;
  key += core.get_property("CPU", ov::device::full_name);
  for (const auto& capability : core.get_property("CPU", ov::device::capabilities)) key += capability;
  for (const auto& [option, value] : options()) key += option + value.as<std::string>();
  return fmt::format("{}-{:016x}.blob", hash, XXH3_64bits(key.data(), key.size()));
}

/// One model, compiled. Thread-safe.
class Network {
 public:
  explicit Network(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

  /// Makes it ready for one more instance, of `model` (another description may name the same graph): compiles what is missing.
  Status join(const Model& model, unsigned most_at_once) {
    const std::lock_guard lock(compiling_);
    while (lanes() < std::min(instances_ + 1, most_at_once)) {
      Status status = add_lane();
      if (!status.ok()) return status;
    }
    Status status = check(model, first_lane());
    if (status.ok()) ++instances_;
    return status;
  }
  void leave() {
    const std::lock_guard lock(compiling_);
    --instances_;
  }

  /// A lane for one run, `wanted` if it is free. There is one for each that may compute at once; two hosts in one process may want more, and wait.
  std::size_t take(std::size_t wanted) {
    std::unique_lock lock(mutex_);
    came_free_.wait(lock, [this] { return !free_.empty(); });
    auto chosen = std::find(free_.begin(), free_.end(), wanted);
    if (chosen == free_.end()) chosen = free_.end() - 1;
    const auto lane = *chosen;
    free_.erase(chosen);
    return lane;
  }
  void give(std::size_t lane) {
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(lane);
    }
    came_free_.notify_one();
  }
  ov::InferRequest request(std::size_t lane) {
    const std::lock_guard lock(mutex_);
    return lanes_[lane].create_infer_request();
  }

 private:
  ov::CompiledModel first_lane() {
    const std::lock_guard lock(mutex_);
    return lanes_.front();
  }

  std::size_t lanes() {
    const std::lock_guard lock(mutex_);
    return lanes_.size();
  }

  Status add_lane() try {
    auto compiled = blob_ ? import(*blob_) : compile();
    if (!compiled) return compiled.error();
    {
      const std::lock_guard lock(mutex_);
      lanes_.push_back(*compiled);
      free_.reserve(lanes_.size());
      free_.push_back(lanes_.size() - 1);
    }
    came_free_.notify_one();
    return {};
  } catch (const std::exception& error) {
    return {Code::value_error, fmt::format("model {}: {} cannot be compiled for the CPU ({}): make the package again with `polymetis compile`",
                                           model_->name, model_->graph.string(), reason(error.what()))};
  }

  Expected<ov::CompiledModel> import(const Blob& blob) {
    // the engine only reads; its tensor has no type for that
    auto* data = const_cast<std::byte*>(blob.bytes().data());
    return core_->import_model(ov::Tensor(ov::element::u8, {blob.bytes().size()}, data), "CPU", options());
  }

  /// From the cache if it is there, else from the graph; afterwards `blob_` holds it for more lanes.
  Expected<ov::CompiledModel> compile() {
    const auto name = blob_name(*model_, *core_);
    blob_ = name.empty() ? nullptr : find_blob(name);
    if (blob_) {
      if (auto known = import_known()) return *known;
    }
    const auto graph = core_->read_model(model_->graph, model_->weights);
    Status status = check(*model_, *graph);
    if (!status.ok()) return Unexpected(status);
    auto compiled = core_->compile_model(graph, "CPU", options());
    std::ostringstream stream;
    compiled.export_model(stream);
    blob_ = blob_in_memory(std::move(stream).str());
    if (!name.empty() && keep_blob(name, blob_->bytes())) {
      if (auto mapped = find_blob(name)) blob_ = std::move(mapped);
    }
    return compiled;
  }

  /// What the cache holds, if it is of use.
  std::optional<ov::CompiledModel> import_known() try {
    auto compiled = import(*blob_);
    if (check(*model_, *compiled).ok()) return *compiled;
    return {};
  } catch (const std::exception&) {
    return {};
  }

  // constant
  const std::shared_ptr<ov::Core> core_ = core();
  const std::shared_ptr<const Model> model_;
  // guarded by compiling_
  std::mutex compiling_;
  unsigned instances_ = 0;
  std::shared_ptr<const Blob> blob_;
  // guarded by mutex_
  std::mutex mutex_;
  std::condition_variable came_free_;
  std::vector<ov::CompiledModel> lanes_;
  std::vector<std::size_t> free_;
};

std::shared_ptr<Network> network_of(const std::shared_ptr<const Model>& model) {
  struct Known {
    std::mutex mutex;
    std::map<std::string, std::weak_ptr<Network>> networks;
    pid_t pid = ::getpid();
  };
  // never freed; a forked child has its own, as a lock of the parent's may be held for ever
  static std::atomic<Known*> known{new Known};
  Known* mine = known.load();
  if (mine->pid != ::getpid()) {
    auto* fresh = new Known;
    if (known.compare_exchange_strong(mine, fresh))
      mine = fresh;
    else
      delete fresh;
  }
  const std::lock_guard lock(mine->mutex);
  std::erase_if(mine->networks, [](const auto& entry) { return entry.second.expired(); });
  auto& place = mine->networks[model->content_hash.empty() ? model->graph.string() : model->content_hash + files_of(*model)];
  auto network = place.lock();
  if (!network) place = network = std::make_shared<Network>(model);
  return network;
}

class OpenvinoCompute final : public Compute {
 public:
  OpenvinoCompute(std::shared_ptr<const Model> model, std::shared_ptr<Network> network) : model_(std::move(model)), network_(std::move(network)) {}
  ~OpenvinoCompute() override { network_->leave(); }

  Status run(std::span<const Buffer> inputs, std::span<const Buffer> outputs, std::size_t rows) noexcept override {
    const auto lane = network_->take(last_lane_);
    last_lane_ = lane;
    Status status = run_on(lane, inputs, outputs, rows);
    network_->give(lane);
    return status;
  }

 private:
  /// A request of one lane, and the memory that it works on.
  struct Request {
    std::size_t lane = none;
    ov::InferRequest request;
    std::vector<std::byte*> inputs;
    std::vector<std::byte*> outputs;
  };
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  Status run_on(std::size_t lane, std::span<const Buffer> inputs, std::span<const Buffer> outputs, std::size_t rows) noexcept try {
    Request& request = request_of(lane);
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t i = 0; i < inputs.size(); ++i) lend(request, Way::in, i, inputs[i], row);
      for (std::size_t i = 0; i < outputs.size(); ++i) lend(request, Way::out, i, outputs[i], row);
      request.request.infer();
    }
    return {};
  } catch (const std::exception& error) {
    return {Code::runtime_error, fmt::format("model {} could not be computed: {}", model_->name, reason(error.what()))};
  }

  enum class Way { in, out };

  /// Lets the network work on the caller's memory; the engine's own bookkeeping for that costs as much as a small network, so only where it changed.
  void lend(Request& request, Way way, std::size_t i, const Buffer& buffer, std::size_t row) {
    const auto& tensor = (way == Way::in ? model_->inputs : model_->outputs)[i];
    auto& last = (way == Way::in ? request.inputs : request.outputs)[i];
    std::byte* data = buffer.data + row * tensor.size_bytes();
    if (last == data) return;
    const ov::Tensor memory(ov::element::i8, ov::Shape(tensor.shape), data);
    way == Way::in ? request.request.set_input_tensor(i, memory) : request.request.set_output_tensor(i, memory);
    last = data;
  }

  Request& request_of(std::size_t lane) {
    for (auto& request : requests_) {
      if (request.lane == lane) return request;
    }
    Request& request = requests_[oldest_];
    oldest_ = (oldest_ + 1) % requests_.size();
    request.lane = none;
    request.request = network_->request(lane);
    request.inputs.assign(model_->inputs.size(), nullptr);
    request.outputs.assign(model_->outputs.size(), nullptr);
    request.lane = lane;
    return request;
  }

  const std::shared_ptr<const Model> model_;
  const std::shared_ptr<Network> network_;
  std::size_t last_lane_ = none;
  std::array<Request, 4> requests_;
  std::size_t oldest_ = 0;
};

}  // namespace

Expected<std::unique_ptr<Compute>> load_network(std::shared_ptr<const Model> model, unsigned most_at_once) {
  auto network = network_of(model);
  Status status = network->join(*model, most_at_once);
  if (!status.ok()) return Unexpected(status);
  return std::make_unique<OpenvinoCompute>(std::move(model), std::move(network));
}

}  // namespace polymetis::virtual_card
