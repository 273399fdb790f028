#include <axruntime/axruntime.hpp>
#include <iostream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

int main() {
  auto context = axr::to_ptr(axr_create_context());
  auto model = axr::to_ptr(axr_load_model(context.get(), "build/models/efficientnet_lite0/model.json"));
  auto connection = axr::to_ptr(axr_device_connect(context.get(), nullptr, 1, nullptr));
  auto instance = axr::to_ptr(axr_load_model_instance(connection.get(), model.get(), nullptr));
  cv::Mat picture = cv::imread("build/downloads/foolbox/imagenet_13_471.jpg");
  cv::resize(picture, picture, {224, 224});
  cv::cvtColor(picture, picture, cv::COLOR_BGR2RGBA);  // the card's input: 224 x 224 x 4
  picture.convertTo(picture, CV_8S, 1, -128);          // scale 1/255, zero point -128
  std::vector<signed char> scores(1024);
  axrArgument input{picture.data, 0, 0, 0}, output{scores.data(), 0, 0, 0};
  auto result = axr_run_model_instance(instance.get(), &input, 1, &output, 1);
  std::cout << axr_error_string(result) << ": class " << std::max_element(scores.begin(), scores.end()) - scores.begin() << '\n';
}
