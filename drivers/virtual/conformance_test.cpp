#include <fstream>

#include "conformance/suite.hpp"
#include "conformance/test_package.hpp"

namespace polymetis {

extern const DriverFactory virtual_driver;

namespace {

/// A folder with a package and a topology of two cards.
struct Setup {
  explicit Setup(const std::string& settings) {
    model = *Model::load(testing::write_test_package(folder.path() / "package"));
    auto wrong = std::make_shared<Model>(*model);
    wrong->inputs[0].shape = {1, 1, 1, 8};
    wrong_model = wrong;
    topology = folder.path() / "topology.toml";
    std::ofstream(topology) << "[[board]]\nname = \"metis-0:1:0\"\n" << settings << "[[board]]\nname = \"metis-0:3:0\"\n" << settings;
  }
  testing::TemporaryFolder folder;
  std::filesystem::path topology;
  std::shared_ptr<const Model> model, wrong_model;
};

std::vector<std::byte> plus_one(std::span<const std::byte> input) {
  std::vector<std::byte> result;
  for (const auto byte : input) result.push_back(static_cast<std::byte>(static_cast<int>(byte) + 1));
  return result;
}

std::vector<std::byte> zeros(std::span<const std::byte> input) { return std::vector<std::byte>(input.size()); }

std::vector<conformance::Case> cases(const std::string& name, const std::string& compute, const std::string& timing) {
  const auto setup = std::make_shared<Setup>("compute = \"" + compute + "\"\ntiming = " + timing + "\n");
  conformance::Subject subject;
  subject.name = name;
  subject.make = [setup](std::shared_ptr<Host> host) { return virtual_driver.create({.host = std::move(host), .topology = setup->topology}); };
  subject.model = [setup] { return setup->model; };
  subject.answer = compute == "openvino" ? plus_one : zeros;
  if (compute == "openvino") subject.wrong_model = [setup] { return setup->wrong_model; };
  return conformance::cases(subject);
}

INSTANTIATE_TEST_SUITE_P(OpenvinoHost, Conformance, ::testing::ValuesIn(cases("openvino_host", "openvino", "\"host\"")), conformance::case_name);
INSTANTIATE_TEST_SUITE_P(OpenvinoRate, Conformance, ::testing::ValuesIn(cases("openvino_rate", "openvino", "{ fps = 5000 }")),
                         conformance::case_name);
INSTANTIATE_TEST_SUITE_P(NoneHost, Conformance, ::testing::ValuesIn(cases("none_host", "none", "\"host\"")), conformance::case_name);
INSTANTIATE_TEST_SUITE_P(NoneRate, Conformance, ::testing::ValuesIn(cases("none_rate", "none", "{ fps = 5000 }")), conformance::case_name);

}  // namespace

}  // namespace polymetis
