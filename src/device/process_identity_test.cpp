#include "device/process_identity.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "device/testing/child_process.hpp"

namespace polymetis::device {
namespace {

using testing::Child;

TEST(ProcessIdentity, IsOneOfAProcess) {
  const ProcessIdentity self = this_process();
  EXPECT_EQ(self.pid, ::getpid());
  EXPECT_NE(self.start_time, 0U);
  EXPECT_NE(self.pid_namespace, 0U);
  EXPECT_EQ(self, this_process());
  EXPECT_EQ(process_text(self.pid, name_of(self).value()), this_process_text());
}

TEST(ProcessIdentity, ReadsAnyName) {
  for (const char* name : {"plain", "a) R 1 2 (b", "x\ny", ""}) {
    Child child([&](const Child::Line& line) {
      ::prctl(PR_SET_NAME, name);
      line.say(std::to_string(this_process().start_time));
      line.hear();
    });
    const std::uint64_t start_time = std::stoull(child.hear());
    EXPECT_NE(start_time, 0U) << name;
    const std::string shown = std::string(name) == "x\ny" ? "x?y" : name;
    EXPECT_EQ(name_of({child.pid(), start_time, this_process().pid_namespace, 0}), shown);
  }
}

TEST(ProcessIdentity, AnEndedProcessHasNoName) {
  Child child([](const Child::Line& line) { line.say(std::to_string(this_process().start_time)); });
  const ProcessIdentity identity{child.pid(), std::stoull(child.hear()), this_process().pid_namespace, 0};
  child.end();
  EXPECT_EQ(name_of(identity), std::nullopt);
}

TEST(ProcessText, SaysWhatIsKnown) {
  EXPECT_EQ(process_text(7, "x"), "pid 7 (x)");
  EXPECT_EQ(process_text(7, ""), "pid 7");
  EXPECT_EQ(process_text(-1, "x"), "a process that cannot be told");
}

}  // namespace
}  // namespace polymetis::device
