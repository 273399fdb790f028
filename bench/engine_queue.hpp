#pragma once

#include <atomic>
#include <filesystem>
#include <openvino/openvino.hpp>
#include <thread>
#include <vector>

#include "figure.hpp"

namespace bench {

/// The engine at its own best: its asynchronous queue with its throughput hint and its own number of requests. Thread-bound.
class EngineQueue {
 public:
  explicit EngineQueue(const std::filesystem::path& graph) {
    compiled_ = core_.compile_model(graph.string(), "CPU", ov::hint::performance_mode(ov::hint::PerformanceMode::THROUGHPUT));
    for (std::uint32_t i = 0; i < compiled_.get_property(ov::optimal_number_of_infer_requests); ++i)
      requests_.push_back(compiled_.create_infer_request());
  }
  /// Frames/s over about `seconds`.
  double rate(double seconds) {
    std::atomic<std::uint64_t> calls{0};
    std::atomic<bool> stop{false};
    const auto begin = Clock::now();
    for (auto& request : requests_) {
      request.set_callback([&, raw = &request](std::exception_ptr) {
        ++calls;
        if (!stop) raw->start_async();
      });
      request.start_async();
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    stop = true;
    for (auto& request : requests_) request.wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    for (auto& request : requests_) request.wait();
    return static_cast<double>(calls) / (since(begin) - 0.02);
  }

 private:
  ov::Core core_;
  ov::CompiledModel compiled_;
  std::vector<ov::InferRequest> requests_;
};

}  // namespace bench
