#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "polymetis/driver.hpp"

/// The suite that every driver passes, in virtual time and on threads. In a driver's test program:
///
///     INSTANTIATE_TEST_SUITE_P(Mine, Conformance, ::testing::ValuesIn(polymetis::conformance::cases(subject())), polymetis::conformance::case_name);
namespace polymetis::conformance {

/// A check that a driver does not pass, and why. One that passes all the same fails the suite.
struct Expectation {
  enum class Kind {
    unsupported,       ///< never will: it answers "not implemented"
    expected_failure,  ///< not yet
  };
  std::string check;  ///< its name; "*": every one
  Kind kind = Kind::expected_failure;
  std::string reason;
};

enum class HostKind { virtual_time, threads };

/// A driver to check.
struct Subject {
  std::string name;  ///< letters and digits
  std::function<Expected<std::unique_ptr<Driver>>(std::shared_ptr<Host>)> make;
  std::function<std::shared_ptr<const Model>()> model;  ///< one that it loads
  /// What the first output holds after a run on `input`; null: not checked.
  std::function<std::vector<std::byte>(std::span<const std::byte> input)> answer;
  /// One that it refuses with `value_error`; null: not checked.
  std::function<std::shared_ptr<const Model>()> wrong_model;
  std::vector<HostKind> hosts = {HostKind::virtual_time, HostKind::threads};
  std::vector<Expectation> expectations;
};

struct Check;

/// A check of a subject on a host.
struct Case {
  std::shared_ptr<const Subject> subject;
  HostKind host = HostKind::virtual_time;
  const Check* check = nullptr;
};

[[nodiscard]] std::vector<Case> cases(Subject subject);
[[nodiscard]] std::string case_name(const ::testing::TestParamInfo<Case>& info);
void PrintTo(const Case& one, std::ostream* stream);

/// What a check found wrong; empty: it passed. For tests of the suite itself.
[[nodiscard]] std::vector<std::string> verdict(const Case& one);

}  // namespace polymetis::conformance

class Conformance : public ::testing::TestWithParam<polymetis::conformance::Case> {};
