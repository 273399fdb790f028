/// Detects objects in pictures on one core of one card, one picture after the other.
///
/// quick_start [PACKAGE [PICTURE or FOLDER]...]

#include <cstdio>

#include "network.hpp"

namespace {

int body(int count, char** arguments) {
  const std::filesystem::path package = count > 1 ? arguments[1] : "build/models/ssd_mobilenetv2";
  std::vector<std::filesystem::path> places(arguments + std::min(count, 2), arguments + count);
  if (places.empty()) {
    places.emplace_back("build/downloads/darknet");
  }
  const auto context = axr::to_ptr(axr_create_context());
  const Network detector(context.get(), package);
  const auto connection = made(axr_device_connect(context.get(), nullptr, 1, nullptr), context.get());
  const auto instance = made(axr_load_model_instance(connection.get(), detector.model(), nullptr), context.get());
  auto slot = detector.slot();
  for (const auto& place : places) {
    for (const auto& file : picture_files(place)) {
      const auto picture = read_picture(file);
      detector.put(picture, slot);
      slot.run(instance.get());
      detector.get(slot);
      std::printf("%s:", file.filename().c_str());
      for (const auto& one : detections(slot, detector, picture.size())) {
        std::printf(" %s %.2f", one.label.c_str(), one.score);
      }
      std::printf("\n");
    }
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) { return ended("quick_start", body, count, arguments); }
