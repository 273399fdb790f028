#include "capi/capi_test_support.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "conformance/test_package.hpp"

namespace capi_test {
namespace {

std::filesystem::path& folder() {
  static std::filesystem::path path;
  return path;
}

void write_package(const std::filesystem::path& directory, std::size_t batch) {
  polymetis::testing::write_test_package(directory, {.shape = {batch, 4, 4, 4}, .zero_point = -1, .scale = 0.5});
  auto description = nlohmann::json::parse(std::ifstream(directory / "model.json"));
  for (const char* side : {"inputs", "outputs"}) description[side][0]["padding"][3] = {0, 1};
  std::ofstream(directory / "model.json") << description;
}

/// A run directory and packages of this program alone, and virtual cards whatever the computer has.
class Setting : public testing::Environment {
 public:
  void SetUp() override {
    folder() = own_.path();
    std::filesystem::create_directory(folder() / "run");
    setenv("POLYMETIS_RUN_DIR", (folder() / "run").c_str(), 1);
    setenv("POLYMETIS_VIRTUAL", "always", 1);
    unsetenv("POLYMETIS_TOPOLOGY");
    write_package(package(), 1);
    write_package(package_of_two(), 2);
  }

 private:
  polymetis::testing::TemporaryFolder own_;
};
const auto* const setting = testing::AddGlobalTestEnvironment(new Setting);

}  // namespace

Frame frame_of(int seed) {
  Frame frame;
  for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::int8_t>(seed * 3 + static_cast<int>(i));
  return frame;
}

Frame incremented(const Frame& frame) {
  Frame out;
  for (std::size_t i = 0; i < frame.size(); ++i) out[i] = static_cast<std::int8_t>(std::min(frame[i] + 1, 127));
  return out;
}

void Capi::SetUp() {
  context = axr::to_ptr(axr_create_context());
  ASSERT_EQ(error(context.get()), AXR_SUCCESS) << sentence(context.get());
}

axr::ptr<axrModel> Capi::load() const { return axr::to_ptr(axr_load_model(context.get(), package().c_str())); }

axr::ptr<axrConnection> Capi::connect(std::size_t cores) const { return axr::to_ptr(axr_device_connect(context.get(), nullptr, cores, nullptr)); }

axr::ptr<axrModelInstance> Capi::load(axrConnection* connection, axrModel* model, const char* properties) const {
  const auto items = axr::to_ptr(axr_create_properties(context.get(), properties));
  return axr::to_ptr(axr_load_model_instance(connection, model, items.get()));
}

std::vector<axrDeviceInfo> Capi::devices() const {
  axrDeviceInfo* devices = nullptr;
  const std::size_t count = axr_list_devices(context.get(), &devices);
  return {devices, devices + count};
}

void CapiRun::SetUp() {
  Capi::SetUp();
  model = Capi::load();
  connection = connect();
  instance = Capi::load(connection.get(), model.get());
  ASSERT_TRUE(instance) << sentence(context.get());
}

axrResult CapiRun::run(Frame& in, Frame& out) const {
  const axrArgument input = argument(in);
  const axrArgument output = argument(out);
  return axr_run_model_instance(instance.get(), &input, 1, &output, 1);
}

Environment::Environment(const char* name, const std::string& value) : name_(name), was_set_(std::getenv(name) != nullptr) {
  if (was_set_) before_ = std::getenv(name);
  setenv(name, value.c_str(), 1);
}

Environment::~Environment() { was_set_ ? setenv(name_, before_.c_str(), 1) : unsetenv(name_); }

std::filesystem::path temporary_folder() { return folder(); }
std::filesystem::path package() { return folder() / "one"; }
std::filesystem::path package_of_two() { return folder() / "two"; }

}  // namespace capi_test
