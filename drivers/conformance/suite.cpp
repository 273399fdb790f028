#include "conformance/suite.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "conformance/probe.hpp"

namespace polymetis::conformance {

namespace {

const std::vector<Check>& checks() {
  static const std::vector<Check> all = [] {
    auto list = device_checks();
    for (auto& check : job_checks()) list.push_back(std::move(check));
    return list;
  }();
  return all;
}

const Expectation* expectation(const Case& one) {
  for (const auto& expected : one.subject->expectations) {
    if (expected.check == "*" || expected.check == one.check->name) return &expected;
  }
  return nullptr;
}

struct Finding {
  std::vector<std::string> complaints;
  bool not_implemented = false;
};

Finding run(const Case& one) {
  Probe probe(*one.subject, one.host);
  try {
    one.check->run(probe);
  } catch (const EndOfCheck&) {  // it has complained
  }
  return {probe.complaints(), probe.not_implemented()};
}

}  // namespace

std::vector<Case> cases(Subject subject) {
  const auto shared = std::make_shared<const Subject>(std::move(subject));
  std::vector<Case> result;
  for (const auto host : shared->hosts) {
    for (const auto& check : checks()) result.push_back({shared, host, &check});
  }
  return result;
}

std::vector<std::string> verdict(const Case& one) {
  auto finding = run(one);
  const auto* expected = expectation(one);
  if (expected == nullptr) return finding.complaints;
  if (finding.complaints.empty()) {
    return {fmt::format("it passes, but was expected not to, because {}: take the expectation off the list", expected->reason)};
  }
  if (expected->kind == Expectation::Kind::unsupported && !finding.not_implemented) {
    finding.complaints.insert(finding.complaints.begin(), fmt::format("\"not implemented\" was expected, because {}", expected->reason));
    return finding.complaints;
  }
  return {};
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  const auto& one = info.param;
  return fmt::format("{}_{}_{}", one.subject->name, one.check->name, one.host == HostKind::virtual_time ? "virtual_time" : "threads");
}

void PrintTo(const Case& one, std::ostream* stream) { *stream << one.subject->name << ": " << one.check->name; }

}  // namespace polymetis::conformance

TEST_P(Conformance, Holds) {
  for (const auto& complaint : polymetis::conformance::verdict(GetParam())) ADD_FAILURE() << complaint;
}
