#include "base/fork.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/child_test.hpp"
#include "base/unique_fd.hpp"

namespace polymetis::base {
namespace {

TEST(Fork, AChildHasAnotherGeneration) {
  const std::uint64_t here = fork_generation();
  EXPECT_EQ(exit_code_of_child([&] { return fork_generation() != here ? 7 : 0; }), 7);
  EXPECT_EQ(fork_generation(), here);
}

TEST(Fork, AGrandchildHasAThird) {
  const std::uint64_t here = fork_generation();
  const int code = exit_code_of_child([&] {
    const std::uint64_t child = fork_generation();
    return exit_code_of_child([&] { return fork_generation() != child && fork_generation() != here ? 7 : 0; });
  });
  EXPECT_EQ(code, 7);
}

TEST(Fork, HooksRunInTheChildOnlyInOrderOfMaking) {
  static std::vector<int> order;
  order.clear();
  order.reserve(8);
  const auto append = [](int number) {
    return Task{[](void* argument) noexcept { order.push_back(static_cast<int>(reinterpret_cast<std::intptr_t>(argument))); },
                reinterpret_cast<void*>(static_cast<std::intptr_t>(number))};
  };
  const ForkHook first(append(1));
  std::optional<ForkHook> second(std::in_place, append(2));
  const ForkHook third(append(3));
  second.reset();
  EXPECT_EQ(exit_code_of_child([] { return order == std::vector<int>{1, 3} ? 7 : 0; }), 7);
  EXPECT_TRUE(order.empty());
}

TEST(Fork, AHookClosesWhatTheChildMustNotHold) {
  UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const ForkHook hook({[](void* argument) noexcept { static_cast<UniqueFd*>(argument)->reset(); }, &fd});
  const int number = fd.get();
  EXPECT_EQ(exit_code_of_child([&] { return ::fcntl(number, F_GETFD) == -1 ? 7 : 0; }), 7);
  EXPECT_NE(::fcntl(number, F_GETFD), -1);
}

TEST(Fork, ABlockHoldsForksOff) {
  std::atomic<bool> about_to_fork{false};
  std::atomic<bool> let_go{false};
  auto block = std::make_unique<ForkBlock>();
  int code = 0;
  std::thread forker([&] {
    about_to_fork = true;
    code = exit_code_of_child([&] { return let_go ? 7 : 0; });
  });
  while (!about_to_fork) std::this_thread::yield();
  for (int turn = 0; turn < 1000; ++turn) std::this_thread::yield();  // time for the fork to happen, if it could
  let_go = true;
  block.reset();
  forker.join();
  EXPECT_EQ(code, 7);
}

TEST(Fork, HooksMayComeAndGoWhileOthersFork) {
  std::atomic<bool> stop{false};
  std::thread maker([&] {
    while (!stop) const ForkHook hook({[](void*) noexcept {}, nullptr});
  });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(exit_code_of_child([] { return 7; }), 7);
  stop = true;
  maker.join();
}

TEST(UniqueFd, OwnsOneDescriptor) {
  UniqueFd a(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = a.get();
  UniqueFd b(std::move(a));
  EXPECT_FALSE(a);  // NOLINT: moved from on purpose
  EXPECT_EQ(b.get(), number);
  b = UniqueFd();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace polymetis::base
