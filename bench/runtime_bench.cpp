// The runtime's figures in C++: overhead of a run, eight instances against the engine's own best mode, oversubscription, memory. Prints JSON.
// runtime_bench MODELS   (folder of the compiled packages)

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <openvino/openvino.hpp>
#include <thread>

#include "conformance/test_package.hpp"
#include "engine_queue.hpp"
#include "figure.hpp"
#include "polymetis/context.hpp"

namespace {

using namespace polymetis;
using bench::Clock;
using bench::Goal;

constexpr int most_calls = 1 << 20;

struct Bed {
  explicit Bed(const std::string& topology) {
    std::ofstream(folder.path() / "topology.toml") << topology;
    context =
        Context::create({.topology = folder.path() / "topology.toml", .virtual_cards = VirtualCards::always, .run_directory = folder.path() / "run"})
            .value();
  }
  testing::TemporaryFolder folder;
  Context context;
};

/// One instance with buffers of its own.
struct Runner {
  Runner(const Context& context, const std::string& device, const std::shared_ptr<const Model>& model) {
    connection = context.device_connect(device.empty() ? DeviceSelector() : DeviceSelector(device), 1).value();
    instance = connection.load_model_instance(model).value();
    for (const TensorInfo& tensor : model->inputs) inputs.push_back(memory(tensor));
    for (const TensorInfo& tensor : model->outputs) outputs.push_back(memory(tensor));
  }
  Argument memory(const TensorInfo& tensor) {
    buffers.push_back(std::make_unique<std::vector<char>>(tensor.size_bytes()));
    return {.data = buffers.back()->data()};
  }
  void run() const {
    if (!instance.run(inputs, outputs).ok()) std::abort();
  }

  Connection connection;
  ModelInstance instance;
  std::vector<std::unique_ptr<std::vector<char>>> buffers;
  std::vector<Argument> inputs;
  std::vector<Argument> outputs;
};

template <class Call>
double us_a_call(double seconds, Call&& call) {
  int calls = 0;
  const auto begin = Clock::now();
  while (calls % 64 != 0 || bench::since(begin) < seconds) {
    call();
    ++calls;
  }
  return bench::since(begin) * 1e6 / calls;
}

/// Calls/s of all `runners`, each on a thread of its own.
double rate_of(const std::vector<std::unique_ptr<Runner>>& runners, double seconds) {
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> calls{0};
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  for (const auto& runner : runners) {
    threads.emplace_back([&] {
      std::uint64_t own = 0;
      for (; !stop; ++own) runner->run();
      calls += own;
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (auto& thread : threads) thread.join();
  return static_cast<double>(calls) / bench::since(begin);
}

std::vector<std::unique_ptr<Runner>> runners(const Bed& bed, const std::shared_ptr<const Model>& model, unsigned count) {
  std::vector<std::unique_ptr<Runner>> all;
  for (unsigned i = 0; i < count; ++i) all.push_back(std::make_unique<Runner>(bed.context, "", model));
  return all;
}

void overhead(bench::Figures& figures) {
  testing::TemporaryFolder folder;
  const auto model = Model::load(testing::write_test_package(folder.path() / "tiny", {})).value();
  {
    Bed bed("[[board]]\nname = \"metis-0:1:0\"\ncompute = \"none\"\n");
    const Runner runner(bed.context, "", model);
    figures.add("run_none_cpp_us", bench::median_of([&](double s) { return us_a_call(s, [&] { runner.run(); }); }), "us", Goal::at_most, 0.5,
                bench::pairs);
  }
  Bed bed("[[board]]\nname = \"metis-0:1:0\"\ncpus = [0]\n");
  const Runner runner(bed.context, "", model);
  ov::Core core;
  auto request =
      core.compile_model(model->graph.string(), "CPU", ov::num_streams(1), ov::inference_num_threads(1), ov::hint::enable_cpu_pinning(false))
          .create_infer_request();
  std::vector<double> differences;
  for (int i = 0; i < bench::pairs; ++i) {
    const double own = us_a_call(bench::slice_s, [&] { runner.run(); });
    differences.push_back(own - us_a_call(bench::slice_s, [&] { request.infer(); }));
  }
  figures.add("run_overhead_cpp_us", bench::median(differences), "us", Goal::at_most, 3, bench::pairs);
}

void engine_best(bench::Figures& figures, const std::filesystem::path& models, const std::string& package, const std::string& name) {
  const auto model = Model::load(models / package).value();
  Bed bed("[[board]]\ncount = 2\nname = \"metis-0:{}:0\"\n");
  const auto all = runners(bed, model, 8);
  bench::EngineQueue engine(model->graph);
  figures.add(name, bench::median_ratio([&](double s) { return rate_of(all, s); }, [&](double s) { return engine.rate(s); }),
              "of the engine's own queue", Goal::at_least, 0.98, bench::pairs);
}

void cpus(bench::Figures& figures, const std::filesystem::path& models) {
  const auto model = Model::load(models / "efficientnet_lite0").value();
  {
    Bed bed("[[board]]\nname = \"metis-0:1:0\"\ncpus = [0]\n[[board]]\nname = \"metis-0:2:0\"\ncpus = [1]\n");
    std::vector<std::unique_ptr<Runner>> one;
    std::vector<std::unique_ptr<Runner>> two;
    one.push_back(std::make_unique<Runner>(bed.context, "metis-0:1:0", model));
    two.push_back(std::make_unique<Runner>(bed.context, "metis-0:1:0", model));
    two.push_back(std::make_unique<Runner>(bed.context, "metis-0:2:0", model));
    figures.add("two_cards_two_cpus_ratio", bench::median_ratio([&](double s) { return rate_of(two, s); }, [&](double s) { return rate_of(one, s); }),
                "of one card", Goal::at_least, 1.9, bench::pairs);
  }
  Bed many("[[board]]\ncount = 17\nname = \"metis-0:{}:0\"\n");
  const auto few = runners(many, model, 2);
  const auto crowd = runners(many, model, 64);
  figures.add("oversubscription_ratio", bench::median_ratio([&](double s) { return rate_of(crowd, s); }, [&](double s) { return rate_of(few, s); }),
              "of two instances", Goal::at_least, 0.95, bench::pairs);
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * 4096;
}

void memory(bench::Figures& figures, const std::filesystem::path& models) {
  const auto model = Model::load(models / "ssd_mobilenetv2").value();
  Bed bed("[[board]]\ncount = 2\nname = \"metis-0:{}:0\"\n");
  auto all = runners(bed, model, 7);
  for (const auto& runner : all) runner->run();
  const double before = resident_bytes();
  all.push_back(std::make_unique<Runner>(bed.context, "", model));
  all.back()->run();
  double buffers = 0;
  for (const auto& buffer : all.back()->buffers) buffers += static_cast<double>(buffer->size());
  const double extra = resident_bytes() - before - buffers - static_cast<double>(model->activation_bytes);
  figures.add("extra_instance_weight_share", std::max(0.0, extra) / static_cast<double>(model->weight_bytes), "of the weights", Goal::at_most, 0.05,
              1);
}

}  // namespace

int main(int count, char** words) {
  const std::filesystem::path models = count > 1 ? words[1] : "build/models";
  bench::Figures figures;
  overhead(figures);
  engine_best(figures, models, "ssd_mobilenetv2", "engine_best_ratio_detector");
  engine_best(figures, models, "efficientnet_lite0", "engine_best_ratio_classifier");
  cpus(figures, models);
  memory(figures, models);
  std::puts(figures.json().c_str());
}
