#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/prctl.h>

#include <memory>
#include <set>
#include <vector>

#include "base/unique_fd.hpp"
#include "device/core_file.hpp"
#include "device/reservation.hpp"
#include "device/testing/child_process.hpp"
#include "device/testing/run_directory_fixture.hpp"

namespace polymetis::device {
namespace {

using testing::Child;

std::string outcome(const Expected<std::unique_ptr<CoreLease>>& lease) {
  if (!lease) return std::string(lease.error().message());
  return fmt::format("{}+{}", (*lease)->cores().first, (*lease)->cores().count);
}

class ReservationProcessTest : public testing::RunDirectoryTest {
 protected:
  [[nodiscard]] std::shared_ptr<Reservations> cores(const DeviceDescription& device = card()) const {
    return reservations_of(directory(), device).value();
  }
  [[nodiscard]] std::filesystem::path file() const { return directory() / "metis-0-1-0.cores"; }

  /// A process of that name that reserves, says how it went and keeps the cores.
  [[nodiscard]] std::unique_ptr<Child> holder(const char* name, unsigned count, const DeviceDescription& device = card()) const {
    auto child = std::make_unique<Child>([&](const Child::Line& line) {
      ::prctl(PR_SET_NAME, name);
      const auto lease = cores(device)->reserve(count);
      line.say(outcome(lease));
      line.hear();
    });
    return child;
  }

  /// Holds the lock of a byte as a process of another program would, and leaves the slot to the test.
  [[nodiscard]] base::UniqueFd lock_byte(std::uint64_t byte) const {
    base::UniqueFd fd(::open(file().c_str(), O_RDWR | O_CLOEXEC));
    struct flock request{};
    request.l_type = F_WRLCK;
    request.l_start = static_cast<off_t>(byte);
    request.l_len = 1;
    EXPECT_EQ(::fcntl(fd.get(), F_OFD_SETLK, &request), 0);
    return fd;
  }
};

TEST_F(ReservationProcessTest, TellsWhoHoldsWhichCores) {
  const auto python = holder("python3", 2);
  ASSERT_EQ(python->hear(), "0+2");
  const auto other = holder("odd) name (", 1);
  ASSERT_EQ(other->hear(), "2+1");
  const auto holders = cores()->holders();
  EXPECT_EQ(in_use_by(holders), fmt::format("pid {} (python3): cores 0, 1; pid {} (odd) name (): core 2", python->pid(), other->pid()));
  EXPECT_EQ(holders[3].state, CoreHolder::State::free);
  const auto refused = cores()->reserve(2);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find(in_use_by(holders)), std::string::npos) << refused.error().message();
}

TEST_F(ReservationProcessTest, AKilledProcessFreesItsCoresThoughItsChildrenLiveOn) {
  Child owner([&](const Child::Line& line) {
    const auto lease = cores()->reserve(4);
    const auto lock = cores()->lock_configuration();
    line.say(lease && lock ? "reserved" : "failed");
    const pid_t forked = ::fork();
    if (forked == 0) {
      line.say(std::to_string(::getpid()));
      ::pause();
      ::_exit(0);
    }
    const std::string script = fmt::format("echo $$ >&{}; exec sleep 1000", line.out);
    const char* const arguments[] = {"sh", "-c", script.c_str(), nullptr};
    pid_t spawned = 0;
    if (::posix_spawn(&spawned, "/bin/sh", nullptr, nullptr, const_cast<char**>(arguments), nullptr) != 0) line.say("-1");
    line.hear();
  });
  ASSERT_EQ(owner.hear(), "reserved");
  const pid_t children[] = {std::stoi(owner.hear()), std::stoi(owner.hear())};  // both run: a child closes the files first of all
  EXPECT_FALSE(cores()->reserve(1));
  owner.end(SIGKILL);
  for (const pid_t child : children) ASSERT_TRUE(child > 0 && ::kill(child, 0) == 0);
  EXPECT_EQ(in_use_by(cores()->holders()), "");
  EXPECT_EQ(outcome(cores()->reserve(4)), "0+4");
  EXPECT_TRUE(cores()->lock_configuration());
  for (const pid_t child : children) ::kill(child, SIGKILL);
}

TEST_F(ReservationProcessTest, AForkedChildHoldsNothingAndSaysSo) {
  const auto card = cores();
  auto lease = card->reserve(2);
  ASSERT_TRUE(lease);
  Child child([&](const Child::Line& line) {
    line.say(outcome(card->reserve(1)));
    line.say(outcome(card->lock_configuration()));
    lease->reset();
    line.say(in_use_by(card->holders()));
    line.say(outcome(cores()->reserve(2)));
  });
  EXPECT_NE(child.hear().find("made before fork"), std::string::npos);
  EXPECT_NE(child.hear().find("made before fork"), std::string::npos);
  EXPECT_EQ(child.hear(), this_process_text() + ": cores 0, 1") << "ending the parent's lease in the child frees nothing";
  EXPECT_EQ(child.hear(), "2+2") << "what the child makes itself works";
  child.end();
  EXPECT_EQ(in_use_by(card->holders()), this_process_text() + ": cores 0, 1");
}

TEST_F(ReservationProcessTest, ADescriptorNumberThatAChildUsesAgainIsLeftAlone) {
  auto lease = cores()->reserve(1);
  ASSERT_TRUE(lease);
  Child child([&](const Child::Line& line) {
    std::vector<int> files;  // they take the numbers that closing in the child made free
    for (int number = 0; number < 8; ++number) files.push_back(::open("/dev/null", O_RDONLY));
    lease->reset();
    bool open = true;
    for (const int fd : files) open = open && ::fcntl(fd, F_GETFD) >= 0;
    line.say(open ? "open" : "closed");
  });
  EXPECT_EQ(child.hear(), "open");
}

TEST_F(ReservationProcessTest, AReusedProcessNumberIsNotBelieved) {
  const auto lease = cores()->reserve(1);
  const auto lock = lock_byte(core_file::first_core + 1);
  const auto shown = [&](const ProcessIdentity& process) {
    const base::UniqueFd fd(::open(file().c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(::pwrite(fd.get(), &process, sizeof process, static_cast<off_t>(core_file::core_slot(1))), static_cast<ssize_t>(sizeof process));
    return cores()->holders()[1].pid;
  };
  ProcessIdentity process = this_process();
  EXPECT_EQ(shown(process), ::getpid());
  process.start_time += 1;
  EXPECT_EQ(shown(process), -1);
  process = this_process();
  process.pid_namespace += 1;
  EXPECT_EQ(shown(process), -1);
  EXPECT_EQ(shown({}), -1);
  EXPECT_EQ(shown({-5, 1, process.pid_namespace, 0}), -1);
  EXPECT_EQ(in_use_by(cores()->holders()), this_process_text() + ": core 0; a process that cannot be told: core 1");
}

TEST_F(ReservationProcessTest, ASlotIsBelievedOnlyWhileItsByteIsLocked) {
  holder("gone", 4)->hear();  // ends at once; its numbers stay in the file
  EXPECT_EQ(in_use_by(cores()->holders()), "");
}

TEST_F(ReservationProcessTest, AnotherDescriptionIsRefusedWhileItsProcessLives) {
  const auto theirs = holder("first", 1, card(4, "topology /a.toml"));
  ASSERT_EQ(theirs->hear(), "0+1");
  auto edited = card(4, "topology /b.toml");
  edited.behaviour = "slow";
  const auto refused = cores(edited)->reserve(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::invalid_configuration);
  EXPECT_EQ(
      refused.error().message(),
      fmt::format("metis-0:1:0 is in use (pid {} (first): core 0) under another description than the one of this process, {}: origin is 'topology "
                  "/a.toml' there and 'topology /b.toml' here; behaviour is '' there and 'slow' here. Give both the same topology, end the other "
                  "process, or use another run directory "
                  "(POLYMETIS_RUN_DIR)",
                  theirs->pid(), this_process_text()));
  theirs->end(SIGKILL);
  EXPECT_TRUE(cores(edited)->reserve(1));
}

TEST_F(ReservationProcessTest, TheSameDescriptionFromElsewhereIsTheSame) {
  auto theirs = holder("first", 1, card(4, "topology /a.toml"));
  ASSERT_EQ(theirs->hear(), "0+1");
  EXPECT_EQ(outcome(cores(card(4, "topology ./a.toml"))->reserve(1)), "1+1");
  theirs->end(SIGKILL);
  theirs = holder("second", 1, card(4, "topology /copy.toml"));
  ASSERT_EQ(theirs->hear(), "0+1");
  const auto refused = cores(card(2, "topology /b.toml"))->reserve(1);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("origin is 'topology /copy.toml' there"), std::string::npos) << refused.error().message();
}

TEST_F(ReservationProcessTest, OfTwoDescriptionsThatStartAtOnceOneWins) {
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<Child>> children;
    for (const char* behaviour : {"a", "b", "a", "b"}) {
      children.push_back(std::make_unique<Child>([&, behaviour](const Child::Line& line) {
        line.hear();
        auto device = card(4);
        device.behaviour = behaviour;
        const auto lease = cores(device)->reserve(1);
        line.say(lease ? behaviour : std::string(code_name(lease.error().code())));
        line.hear();
      }));
    }
    for (const auto& child : children) child->say("go");
    std::string all;
    for (const auto& child : children) all += child->hear() + " ";
    EXPECT_TRUE(all == "a invalid configuration a invalid configuration " || all == "invalid configuration b invalid configuration b ") << all;
    std::filesystem::remove(file());
  }
}

TEST_F(ReservationProcessTest, ProcessesThatStartAtOnceGetDifferentCores) {
  for (int round = 0; round < 10; ++round) {
    std::vector<std::unique_ptr<Child>> children;
    for (int number = 0; number < 6; ++number) {
      children.push_back(std::make_unique<Child>([&](const Child::Line& line) {
        line.hear();
        const auto lease = cores()->reserve(1);
        line.say(lease ? outcome(lease) : std::string(code_name(lease.error().code())));
        line.hear();
      }));
    }
    for (const auto& child : children) child->say("go");
    std::multiset<std::string> answers;
    for (const auto& child : children) answers.insert(child->hear());
    EXPECT_EQ(answers, (std::multiset<std::string>{"0+1", "1+1", "2+1", "3+1", "device in use", "device in use"}));
  }
}

TEST_F(ReservationProcessTest, WhatADeadWriterLeftHalfWrittenIsMadeAnew) {
  {
    const auto lease = cores()->reserve(1);
  }
  const base::UniqueFd fd(::open(file().c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::pwrite(fd.get(), "orig\0\0", 6, core_file::text_at), 6);
  EXPECT_EQ(outcome(cores()->reserve(4)), "0+4");
  EXPECT_EQ(core_file::read_text(fd.get(), file()).value().substr(0, 15), "origin: default");
}

TEST_F(ReservationProcessTest, AStoppedProcessInTheGateIsAnErrorAndNoHang) {
  {
    const auto lease = cores()->reserve(1);
  }
  const auto gate = lock_byte(core_file::gate.first);
  const auto refused = cores()->reserve(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::connection_error);
  EXPECT_EQ(in_use_by(cores()->holders()), "") << "who only looks does not wait";
}

}  // namespace
}  // namespace polymetis::device
