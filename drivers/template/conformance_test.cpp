#include "conformance/suite.hpp"
#include "conformance/test_package.hpp"

namespace polymetis {

extern const DriverFactory template_driver;

namespace {

conformance::Subject subject() {
  conformance::Subject subject;
  subject.name = "template";
  subject.make = [](std::shared_ptr<Host> host) { return template_driver.create({.host = std::move(host)}); };
  subject.model = [] {
    static const testing::TemporaryFolder folder;
    return *Model::load(testing::write_test_package(folder.path()));
  };
  // take a line away with each step, name what is left, and say why
  subject.expectations = {{"*", conformance::Expectation::Kind::unsupported, "nothing is implemented yet"}};
  return subject;
}

INSTANTIATE_TEST_SUITE_P(Template, Conformance, ::testing::ValuesIn(conformance::cases(subject())), conformance::case_name);

}  // namespace

}  // namespace polymetis
