#pragma once

#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "axruntime/axruntime.hpp"

/// What examples need around axruntime: a picture into a card's int8 tensor, and a card's int8 tensors through the postamble.

/// Throws std::runtime_error with the context's last error.
[[noreturn]] void fail(const axrObject* object);

/// The result, unless it is null: then as `fail`.
template <class T>
axr::ptr<T> made(T* object, axrContext* context) {
  if (object == nullptr) {
    fail(AXR_OBJECT(context));
  }
  return axr::to_ptr(object);
}

/// One tensor at the card's border and its memory.
struct Border {
  axrTensorInfo info;
  std::vector<std::int8_t> values;
};

/// The memory of one run: whoever uses an instance owns one. Thread-bound.
struct Slot {
  std::vector<Border> inputs;
  std::vector<Border> outputs;
  ov::InferRequest postamble;

  /// Throws std::runtime_error when the run fails.
  void run(axrModelInstance* instance);
};

/// A package of batch 1 whose input is a picture. Thread-safe once made.
class Network {
 public:
  /// Throws std::runtime_error for a package that is missing or does not fit.
  Network(axrContext* context, const std::filesystem::path& package);

  [[nodiscard]] axrModel* model() const { return model_.get(); }
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  [[nodiscard]] Slot slot() const;
  /// Stretches `picture` (blue, green, red) to the input.
  void put(const cv::Mat& picture, Slot& slot) const;
  /// Runs the postamble; its results are then in `slot.postamble`.
  void get(Slot& slot) const;

 private:
  axr::ptr<axrModel> model_;
  std::vector<std::string> labels_;
  mutable ov::CompiledModel postamble_;
};

struct Detection {
  std::string label;
  float score;
  cv::Rect2f box;  ///< pixels
};

/// After `get`: what is in the picture of that size, best scores first.
std::vector<Detection> detections(const Slot& slot, const Network& network, cv::Size size);

/// An instance on its own connection of one core of `device`. Throws std::runtime_error where it cannot be had.
struct Instance {
  axr::ptr<axrConnection> connection;
  axr::ptr<axrModelInstance> instance;
};
Instance load_on(axrContext* context, const axrDeviceInfo& device, const Network& network);

/// The pictures of a folder or of one file, by name. Throws std::runtime_error for what is missing.
std::vector<std::filesystem::path> picture_files(const std::filesystem::path& path);
cv::Mat read_picture(const std::filesystem::path& path);

/// A program's end: prints what was thrown and gives its exit code.
int ended(const char* program, int (*body)(int, char**), int count, char** arguments);
