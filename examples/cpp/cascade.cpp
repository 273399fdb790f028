/// A cascade over two cards: the detector on card 0 finds people, the pose network on card 1 looks at each of them.
///
/// cascade [DETECTOR POSE [PICTURE or FOLDER]...]

#include <cmath>
#include <cstdio>

#include "workers.hpp"

namespace fs = std::filesystem;

namespace {

struct Pose {
  float presence;                   ///< 0..1
  std::vector<cv::Point2f> points;  ///< 33, pixels of the picture once moved
};

/// A square around a person, 1.25 times the longer edge; black outside the picture.
cv::Mat crop(const cv::Mat& picture, const cv::Rect2f& box, cv::Point& corner) {
  const int side = std::max(static_cast<int>(std::lround(1.25 * std::max(box.width, box.height))), 1);
  corner = {static_cast<int>(std::lround(box.x + (box.width - static_cast<float>(side)) / 2)),
            static_cast<int>(std::lround(box.y + (box.height - static_cast<float>(side)) / 2))};
  cv::Mat square = cv::Mat::zeros(side, side, CV_8UC3);
  const cv::Rect wanted(corner, cv::Size(side, side));
  const auto inside = wanted & cv::Rect(cv::Point(), picture.size());
  if (!inside.empty()) {
    picture(inside).copyTo(square(inside - corner));
  }
  return square;
}

Pose read_pose(const Slot& slot, const cv::Mat& square) {
  auto request = slot.postamble;
  const auto* values = request.get_tensor("landmarks").data<float>();  // x, y, z, visibility, presence of each point
  const float scale = static_cast<float>(square.cols) / static_cast<float>(slot.inputs[0].info.dims[2]);
  Pose pose{request.get_tensor("presence").data<float>()[0], {}};
  for (int i = 0; i < 33; ++i) {
    pose.points.emplace_back(values[5 * i] * scale, values[5 * i + 1] * scale);
  }
  return pose;
}

/// A frame whose people are being looked at.
struct Scene {
  fs::path file;
  std::vector<Detection> found;
  std::vector<cv::Point> corners;
  std::vector<std::future<Pose>> poses;
};

void print(Scene& scene) {
  std::printf("%s:", scene.file.filename().c_str());
  for (const auto& one : scene.found) {
    std::printf(" %s %.2f", one.label.c_str(), one.score);
  }
  for (std::size_t i = 0; i < scene.poses.size(); ++i) {
    const auto pose = scene.poses[i].get();
    const auto nose = pose.points[0] + cv::Point2f(scene.corners[i]);
    std::printf(" | pose %.2f, nose at %.0f,%.0f", pose.presence, nose.x, nose.y);
  }
  std::printf("\n");
}

int body(int count, char** arguments) {
  const fs::path detector_package = count > 2 ? arguments[1] : "build/models/ssd_mobilenetv2";
  const fs::path pose_package = count > 2 ? arguments[2] : "build/models/pose_lite";
  const auto files = picture_files(count > 3 ? arguments[3] : "build/downloads/darknet");
  const auto context = axr::to_ptr(axr_create_context());
  const Network detector(context.get(), detector_package);
  const Network estimator(context.get(), pose_package);
  axrDeviceInfo* cards = nullptr;
  if (const auto there = axr_list_devices(context.get(), &cards); there < 2) {
    throw std::runtime_error("A cascade over two cards needs two, found " + std::to_string(there) + ".");
  }
  const std::vector<axrDeviceInfo> two(cards, cards + 2);  // the list is the context's, until it is asked for again
  Pool<std::vector<Detection>> detectors(context.get(), two[0], detector,
                                         [&](const Slot& slot, const cv::Mat& picture) { return detections(slot, detector, picture.size()); });
  Pool<Pose> poses(context.get(), two[1], estimator, read_pose);

  // Both cards work at the same time: frames ahead are in the detector while people of the ones before are looked at.
  std::deque<std::pair<fs::path, std::pair<cv::Mat, std::future<std::vector<Detection>>>>> detecting;
  std::deque<Scene> scenes;
  const auto finish_one = [&] {
    auto [file, job] = std::move(detecting.front());
    detecting.pop_front();
    Scene scene{file, job.second.get(), {}, {}};
    for (const auto& one : scene.found) {
      if (one.label == "Person") {
        auto square = crop(job.first, one.box, scene.corners.emplace_back());
        scene.poses.push_back(poses.submit(std::move(square)));
      }
    }
    scenes.push_back(std::move(scene));
    if (scenes.size() > 2) {
      print(scenes.front());
      scenes.pop_front();
    }
  };
  for (const auto& file : files) {
    auto picture = read_picture(file);
    auto job = detectors.submit(picture);
    detecting.emplace_back(file, std::make_pair(std::move(picture), std::move(job)));
    if (detecting.size() == 2 * detectors.size()) {
      finish_one();
    }
  }
  while (!detecting.empty()) {
    finish_one();
  }
  for (auto& scene : scenes) {
    print(scene);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) { return ended("cascade", body, count, arguments); }
