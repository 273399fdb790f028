#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

namespace fs = std::filesystem;

namespace {

Border border(const axrTensorInfo& info) {
  return {info, std::vector<std::int8_t>(axr_tensor_size(&info), static_cast<std::int8_t>(info.zero_point))};
}

std::vector<axrArgument> arguments(std::vector<Border>& borders) {
  std::vector<axrArgument> made;
  for (auto& one : borders) {
    made.push_back({one.values.data(), 0, 0, one.values.size()});
  }
  return made;
}

/// int8 NHWC with padding -> float NCHW without.
void dequantise(const Border& from, ov::Tensor to) {
  const auto& dims = from.info.dims;
  const auto& pads = from.info.padding;
  auto* out = to.data<float>();
  for (auto c = pads[3][0]; c < dims[3] - pads[3][1]; ++c) {
    for (auto y = pads[1][0]; y < dims[1] - pads[1][1]; ++y) {
      for (auto x = pads[2][0]; x < dims[2] - pads[2][1]; ++x) {
        const auto value = from.values[(y * dims[2] + x) * dims[3] + c];
        *out++ = static_cast<float>((value - from.info.zero_point) * from.info.scale);
      }
    }
  }
}

std::vector<std::string> read_labels(const fs::path& description) {
  std::vector<std::string> labels;
  const cv::FileStorage file(description.string(), cv::FileStorage::READ | cv::FileStorage::FORMAT_JSON);
  for (const auto& label : file["labels"]) {
    labels.push_back(static_cast<std::string>(label));
  }
  return labels;
}

}  // namespace

void fail(const axrObject* object) { throw std::runtime_error(axr_last_error_string(object)); }

void Slot::run(axrModelInstance* instance) {
  const auto in = arguments(inputs);
  const auto out = arguments(outputs);
  if (axr_run_model_instance(instance, in.data(), in.size(), out.data(), out.size()) != AXR_SUCCESS) {
    fail(AXR_OBJECT(instance));
  }
}

Network::Network(axrContext* context, const fs::path& package) {
  const auto folder = package.filename() == "model.json" ? package.parent_path() : package;
  model_ = made(axr_load_model(context, (folder / "model.json").c_str()), context);
  const auto input = axr_get_model_input(model(), 0);
  if (axr_num_model_inputs(model()) != 1 || input.ndims != 4 || input.dims[0] != 1) {
    throw std::runtime_error(folder.string() + ": this example takes a network with one picture a run; compile it with a batch of 1.");
  }
  labels_ = read_labels(folder / "model.json");
  const auto properties = axr::to_ptr(axr_get_model_properties(model()));
  const auto* graph = axr_get_property(properties.get(), "postamble_graph");
  if (graph == nullptr || *graph == '\0') {
    throw std::runtime_error(folder.string() + ": has no postamble, which this example needs.");
  }
  postamble_ = ov::Core().compile_model((folder / graph).string(), "CPU", ov::hint::inference_precision(ov::element::f32),
                                        ov::inference_num_threads(1), ov::hint::enable_cpu_pinning(false));
}

Slot Network::slot() const {
  Slot made{{border(axr_get_model_input(model(), 0))}, {}, postamble_.create_infer_request()};
  for (std::size_t i = 0; i < axr_num_model_outputs(model()); ++i) {
    made.outputs.push_back(border(axr_get_model_output(model(), i)));
  }
  return made;
}

void Network::put(const cv::Mat& picture, Slot& slot) const {
  auto& [info, values] = slot.inputs[0];
  const auto& pads = info.padding;
  const cv::Size inside(static_cast<int>(info.dims[2] - pads[2][0] - pads[2][1]), static_cast<int>(info.dims[1] - pads[1][0] - pads[1][1]));
  cv::Mat pixels;
  cv::resize(picture, pixels, inside, 0, 0, cv::INTER_LINEAR);
  for (int y = 0; y < inside.height; ++y) {
    for (int x = 0; x < inside.width; ++x) {
      const auto& bgr = pixels.at<cv::Vec3b>(y, x);
      auto* to = &values[((y + pads[1][0]) * info.dims[2] + x + pads[2][0]) * info.dims[3] + pads[3][0]];
      for (int c = 0; c < 3; ++c) {  // a picture's scale is 1/255 and its zero point -128, so q = pixel - 128
        to[c] = static_cast<std::int8_t>(bgr[2 - c] - 128);
      }
    }
  }
}

void Network::get(Slot& slot) const {
  for (const auto& output : slot.outputs) {
    dequantise(output, slot.postamble.get_tensor(output.info.name));
  }
  slot.postamble.infer();
}

std::vector<Detection> detections(const Slot& slot, const Network& network, cv::Size size) {
  auto request = slot.postamble;
  const auto selected = request.get_tensor("selected");
  const auto scores = request.get_tensor("scores");
  const auto* boxes = request.get_tensor("boxes").data<float>();
  const auto classes = scores.get_shape()[2];
  const auto width = static_cast<float>(size.width);
  const auto height = static_cast<float>(size.height);
  std::vector<Detection> found;
  for (std::size_t i = 0; i < selected.get_shape()[0]; ++i) {
    const auto* row = selected.data<std::int64_t>() + 3 * i;  // picture, class, box
    const auto* box = boxes + 4 * row[2];                     // y0, x0, y1, x1 as shares of the picture
    const cv::Rect2f place(cv::Point2f(box[1] * width, box[0] * height), cv::Point2f(box[3] * width, box[2] * height));
    const auto label = static_cast<std::size_t>(row[1]);
    found.push_back({label < network.labels().size() ? network.labels()[label] : "class " + std::to_string(label),
                     scores.data<float>()[static_cast<std::size_t>(row[2]) * classes + label], place & cv::Rect2f(0, 0, width, height)});
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  return found;
}

Instance load_on(axrContext* context, const axrDeviceInfo& device, const Network& network) {
  Instance loaded;
  loaded.connection = made(axr_device_connect(context, &device, 1, nullptr), context);
  loaded.instance = made(axr_load_model_instance(loaded.connection.get(), network.model(), nullptr), context);
  return loaded;
}

std::vector<fs::path> picture_files(const fs::path& path) {
  if (!fs::exists(path)) {
    throw std::runtime_error(path.string() + ": no such picture or folder; `make demo` fetches pictures.");
  }
  std::vector<fs::path> files;
  if (!fs::is_directory(path)) {
    return {path};
  }
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".jpg" || entry.path().extension() == ".png") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

cv::Mat read_picture(const fs::path& path) {
  auto picture = cv::imread(path.string(), cv::IMREAD_COLOR);
  if (picture.empty()) {
    throw std::runtime_error(path.string() + ": is not a picture that OpenCV can read; give a JPEG or PNG file.");
  }
  return picture;
}

int ended(const char* program, int (*body)(int, char**), int count, char** arguments) {
  try {
    return body(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return 1;
  }
}
