#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/thread_host.hpp"
#include "runtime/testing/world.hpp"

namespace polymetis::runtime::testing {
namespace {

using namespace std::chrono_literals;

class RunTest : public World {};

TEST_F(RunTest, GivesTheResultOfItsOwnFrame) {
  const ModelInstance instance = load(connect());
  Frame frame;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(frame.run(instance, i).ok());
    EXPECT_EQ(frame.result(), i);
  }
  EXPECT_EQ(control->waiting_submitters, 5U) << "the caller may compute";
  EXPECT_EQ(context.list_devices()->front().cores[0].frames, 5U);
}

TEST_F(RunTest, WaitsForAJobThatEndsLater) {
  control->plan({}, {Outcome::When::later, 5ms});
  const ModelInstance instance = load(connect());
  const TimePoint start = host->now();
  Frame frame;
  EXPECT_TRUE(frame.run(instance, 3).ok());
  EXPECT_EQ(frame.result(), 3);
  EXPECT_EQ(host->now() - start, 5ms);
}

TEST_F(RunTest, AFailureIsReturnedAndTheNextRunIsFine) {
  control->plan({{Outcome::When::inside, 0ns, Status(Code::connection_error, "link lost")}});
  const ModelInstance instance = load(connect());
  Frame frame;
  EXPECT_EQ(frame.run(instance, 1).code(), Code::connection_error);
  EXPECT_TRUE(frame.run(instance, 2).ok());
}

TEST_F(RunTest, MoreCoresThanTheBatchMultiplyTheLeadingDimension) {
  const ModelInstance instance = load(connect(4), {{"num_sub_devices", "4"}}, model_of(16, 2));
  EXPECT_EQ((*instance.inputs())[0].shape, (std::vector<std::size_t>{4, 1, 1, 16}));
  EXPECT_EQ((*instance.outputs())[0].size_bytes(), 64U);
  Frame frame(64);
  frame.in[32] = std::byte{8};
  EXPECT_TRUE(frame.run(instance, 7).ok());
  EXPECT_EQ(frame.out[31], std::byte{7});
  EXPECT_EQ(frame.out[32], std::byte{8});
}

TEST_F(RunTest, BatchDecidesTheCoresWhereNothingIsAsked) {
  const Connection connection = connect(3);
  const ModelInstance two = load(connection, {}, model_of(16, 2));
  EXPECT_EQ((*two.inputs())[0].shape[0], 2U);
  const auto another = connection.load_model_instance(model_of(16, 2));
  EXPECT_EQ(another.error().code(), Code::invalid_argument);
  EXPECT_TRUE(says(another.error(), "of the 3 of this connection 1 are free")) << another.error().to_string();
  EXPECT_EQ(connection.load_model_instance(model_of(16, 2), {{"num_sub_devices", "3"}}).error().code(), Code::value_error);
  EXPECT_TRUE(connection.load_model_instance(model_of()));
}

TEST_F(RunTest, CoresOfAConnectionAreFreeAgainAfterRelease) {
  const Connection connection = connect(2);
  ModelInstance first = load(connection);
  const ModelInstance second = load(connection);
  EXPECT_FALSE(connection.load_model_instance(model_of()));
  first.release();
  EXPECT_TRUE(connection.load_model_instance(model_of()));
}

TEST_F(RunTest, UnknownKeysAndBadValuesAreRefusedBeforeAnythingIsLoaded) {
  const Connection connection = connect(4);
  EXPECT_EQ(connection.load_model_instance(model_of(), {{"batch", "1"}}).error().code(), Code::invalid_configuration);
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{{"double_buffer", "2"},
                                                                                   {"num_sub_devices", "-1"},
                                                                                   {"num_sub_devices", "1x"},
                                                                                   {"num_sub_devices", ""},
                                                                                   {"num_sub_devices", "99999999999999999999"},
                                                                                   {"max_inflight", "0"},
                                                                                   {"input_dmabuf", "yes"}}) {
    const auto made = connection.load_model_instance(model_of(), {{key, value}});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), Code::value_error);
    EXPECT_TRUE(says(made.error(), key + " is '" + value + "'; allowed is")) << made.error().to_string();
  }
  EXPECT_EQ(connection.load_model_instance(nullptr).error().code(), Code::invalid_argument);
  EXPECT_EQ(control->loaded, 0U);
  EXPECT_TRUE(connection.load_model_instance(
      model_of(), {{"num_sub_devices", "4"}, {"aipu_cores", "4"}, {"elf_in_ddr", "0"}, {"device_profiling", "1"}, {"async_mode", "1"}}));
}

TEST_F(RunTest, AModelThatDoesNotFitTheCardIsRefusedWithTheNumbers) {
  constexpr std::size_t half = std::size_t{1} << 29;
  const Connection connection = connect(4);
  ModelInstance first = load(connection, {}, model_of(16, 1, half));
  EXPECT_EQ(context.list_devices()->front().memory_used_bytes, half);
  const auto second = connection.load_model_instance(model_of(16, 1, half + 1));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::runtime_error);
  for (const auto& part : {"'toy' wants 536870913 bytes", "metis-0:1:0", "has 1073741824 bytes", "536870912 are taken", "pid "}) {
    EXPECT_TRUE(says(second.error(), part)) << part << " in " << second.error().to_string();
  }
  first.release();
  EXPECT_TRUE(connection.load_model_instance(model_of(16, 1, half + 1)));
}

TEST_F(RunTest, MemoryIsSharedWithOtherProcesses) {
  constexpr std::size_t half = std::size_t{1} << 29;
  std::array<int, 2> ready{}, stop{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  ASSERT_EQ(::pipe(stop.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const Context own = make_context();
    const Connection connection = *own.device_connect();
    const auto instance = connection.load_model_instance(model_of(16, 1, half));
    char byte = instance ? 'y' : 'n';
    static_cast<void>(::write(ready[1], &byte, 1) + ::read(stop[0], &byte, 1));
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  const Connection connection = connect();
  const auto refused = connection.load_model_instance(model_of(16, 1, half + 1));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(says(refused.error(), fmt::format("pid {}", child))) << refused.error().to_string();
  EXPECT_EQ(context.list_devices()->front().core_holders[0], child);
  ASSERT_EQ(::write(stop[1], &byte, 1), 1);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(connection.load_model_instance(model_of(16, 1, half + 1)));
  for (const int fd : {ready[0], ready[1], stop[0], stop[1]}) ::close(fd);
}

TEST_F(RunTest, AFailedLoadKeepsNeitherCoresNorMemory) {
  control->load_status = Status(Code::incompatible_device, "not for this device");
  const Connection connection = connect(1);
  EXPECT_EQ(connection.load_model_instance(model_of()).error().code(), Code::incompatible_device);
  EXPECT_EQ(context.list_devices()->front().memory_used_bytes, 0U);
  control->load_status = {};
  EXPECT_TRUE(connection.load_model_instance(model_of()));
}

/// Says yes at the n-th question.
struct Impatience {
  unsigned left = 1;
  unsigned asked = 0;
  static bool ask(void* self) {
    auto& impatience = *static_cast<Impatience*>(self);
    ++impatience.asked;
    return --impatience.left == 0;
  }
};

class InterruptTest : public RunTest {
 protected:
  Status run_impatiently(const ModelInstance& instance, Frame& frame, unsigned questions = 1, std::shared_ptr<void> keep_alive = {}) {
    impatience = {questions, 0};
    return frame.run(instance, 1, {&Impatience::ask, &impatience, std::move(keep_alive)});
  }
  Impatience impatience;
};

TEST_F(InterruptTest, EndsTheWaitAndTheBuffersStayLent) {
  control->plan({{Outcome::When::never}});
  const ModelInstance instance = load(connect());
  auto buffers = std::make_shared<Frame>();
  const std::weak_ptr<Frame> watched = buffers;
  const TimePoint start = host->now();
  const Status status = run_impatiently(instance, *buffers, 3, buffers);
  EXPECT_EQ(status.code(), Code::runtime_error);
  EXPECT_TRUE(says(status, "interrupted"));
  EXPECT_EQ(host->now() - start, 150ms);
  EXPECT_EQ(control->abandoned, 1U);
  buffers.reset();
  EXPECT_FALSE(watched.expired());
  control->end_held();
  EXPECT_TRUE(watched.expired());
  Frame frame;
  EXPECT_TRUE(frame.run(instance, 5).ok());
  EXPECT_EQ(frame.result(), 5);
}

TEST_F(InterruptTest, TheNextRunWaitsForThePlace) {
  control->plan({{Outcome::When::never}});
  const ModelInstance instance = load(connect());
  Frame abandoned, frame;
  EXPECT_FALSE(run_impatiently(instance, abandoned).ok());
  EXPECT_FALSE(run_impatiently(instance, frame).ok()) << "still held";
  host->call_at(host->now() + 5ms, make_task([&]() noexcept { control->end_held(); }));
  EXPECT_TRUE(frame.run(instance, 6).ok());
  EXPECT_EQ(frame.result(), 6);
}

TEST_F(InterruptTest, ADeviceThatTakesBackFreesAtOnce) {
  control->plan({{Outcome::When::when_abandoned}});
  const ModelInstance instance = load(connect());
  Frame frame;
  EXPECT_TRUE(says(run_impatiently(instance, frame), "interrupted"));
  EXPECT_TRUE(frame.run(instance, 6).ok());
}

TEST_F(InterruptTest, IsNotAskedWhereTheJobEndsAtOnce) {
  const ModelInstance instance = load(connect());
  Frame frame;
  EXPECT_TRUE(run_impatiently(instance, frame).ok());
  EXPECT_EQ(impatience.asked, 0U);
}

TEST_F(InterruptTest, WithDoubleBufferNothingIsLostButTheRunsOwnFrame) {
  control->plan({{Outcome::When::never}, {}, {}, {}});
  control->traits.depth = 2;
  const ModelInstance instance = load(connect(), {{"double_buffer", "1"}});
  Frame frame;
  EXPECT_TRUE(frame.run(instance, 1).ok());
  EXPECT_TRUE(frame.run(instance, 2).ok());
  EXPECT_TRUE(says(run_impatiently(instance, frame), "interrupted"));
  control->end_held();
  EXPECT_TRUE(frame.run(instance, 3).ok());
  EXPECT_EQ(frame.result(), 1);
}

TEST_F(InterruptTest, WithDoubleBufferAndOnePlace) {
  control->plan({{}, {Outcome::When::never}, {}, {}, {}});
  const ModelInstance instance = load(connect(), {{"double_buffer", "1"}});
  Frame frame;
  EXPECT_TRUE(frame.run(instance, 1).ok());
  EXPECT_TRUE(frame.run(instance, 2).ok());
  EXPECT_TRUE(says(run_impatiently(instance, frame), "interrupted")) << "result 1 came, the frame itself found no place";
  control->end_held();
  EXPECT_TRUE(frame.run(instance, 4).ok());
  EXPECT_EQ(frame.result(), 2);
  EXPECT_TRUE(says(frame.run(instance, 5), "interrupted")) << "the result of the interrupted run";
  EXPECT_TRUE(frame.run(instance, 6).ok());
  EXPECT_EQ(frame.result(), 4);
}

TEST_F(RunTest, InVirtualTimeAJobThatNeverEndsIsAnErrorNotAHang) {
  control->plan({{Outcome::When::never}});
  const ModelInstance instance = load(connect());
  Frame frame;
  EXPECT_TRUE(says(frame.run(instance, 1), "wait for ever"));
  control->end_held();
}

TEST_F(RunTest, ABlockingDriverIsCalledOnTheHostSoThatItCanBeInterrupted) {
  control->traits.blocking = Blocking::always;
  const ModelInstance instance = load(connect());
  Frame frame;
  EXPECT_TRUE(frame.run(instance, 8).ok());
  EXPECT_EQ(frame.result(), 8);
  EXPECT_EQ(control->waiting_submitters, 0U);
}

TEST_F(RunTest, HostProfilingTellsTheStagesOfARun) {
  std::vector<std::string> messages;
  context.set_logger(LogLevel::debug, [&](LogLevel, const char* message) { messages.emplace_back(message); });
  control->plan({}, {Outcome::When::later, 5ms});
  const ModelInstance instance = load(connect(), {{"host_profiling", "1"}});
  Frame frame;
  EXPECT_TRUE(frame.run(instance, 1).ok());
  ASSERT_FALSE(messages.empty());
  EXPECT_NE(messages.back().find("total 5000.0"), std::string::npos) << messages.back();
}

// On real threads.
class ThreadedTest : public World {
 protected:
  ThreadedTest() {
    auto asked = options();
    asked.host = base::ThreadHost::shared();
    threaded = *Context::create(asked);
  }
  ModelInstance load_threaded(const Properties& properties = {}) { return *threaded.device_connect()->load_model_instance(model_of(), properties); }
  void wait_until_submitted(unsigned count = 1) const {
    while (control->submitted < count) std::this_thread::yield();
  }
  Context threaded;
};

TEST_F(ThreadedTest, TwoRunsAtOnceAreAnErrorForTheSecond) {
  control->plan({{Outcome::When::never}});
  const ModelInstance instance = load_threaded();
  Frame first, second;
  Status ended;
  std::thread thread([&] { ended = first.run(instance, 1); });
  wait_until_submitted();
  const Status refused = second.run(instance, 2);
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_TRUE(says(refused, "already running in another thread"));
  EXPECT_EQ(instance.run_async(second.inputs(), second.outputs(), [](const Status&) {}).code(), Code::invalid_argument);
  while (!control->end_held()) std::this_thread::yield();
  thread.join();
  EXPECT_TRUE(ended.ok());
  EXPECT_TRUE(second.run(instance, 2).ok()) << "from thread to thread is fine";
}

TEST_F(ThreadedTest, ReleaseLetsTheRunThatIsGoingOnEnd) {
  control->plan({{Outcome::When::later, 30ms}});
  ModelInstance instance = load_threaded();
  Frame frame;
  Status ended(Code::internal_error, "not ended");
  std::thread thread([&] { ended = frame.run(instance, 9); });
  wait_until_submitted();
  instance.connection().context().release();
  EXPECT_EQ(control->unloaded, 1U) << "release waits for it";
  thread.join();
  EXPECT_TRUE(ended.ok());
  EXPECT_EQ(frame.result(), 9);
  EXPECT_EQ(frame.run(instance, 1).code(), Code::invalid_argument);
}

TEST_F(ThreadedTest, ReleaseDoesNotWaitForEverForAStuckRun) {
  control->traits.hang_floor = 20ms;
  control->plan({{Outcome::When::never}});
  ModelInstance instance = load_threaded();
  Frame frame;
  std::thread thread([&] { static_cast<void>(frame.run(instance, 9)); });
  wait_until_submitted();
  instance.release();
  EXPECT_EQ(control->unloaded, 0U);
  while (!control->end_held()) std::this_thread::yield();
  thread.join();
  EXPECT_EQ(control->unloaded, 1U);
}

TEST_F(ThreadedTest, ReleaseFromWithinTheQuestionOfTheRunItself) {
  control->plan({{Outcome::When::never}});
  ModelInstance instance = load_threaded();
  Frame frame;
  struct Both {
    ModelInstance* instance;
  } both{&instance};
  const RunOptions options{.interrupted =
                               [](void* argument) {
                                 static_cast<Both*>(argument)->instance->release();
                                 return true;
                               },
                           .interrupted_argument = &both};
  EXPECT_FALSE(frame.run(instance, 1, options).ok());
  EXPECT_TRUE(instance.released());
  control->end_held();
}

TEST_F(ThreadedTest, ManyThreadsConnectLoadRunAndRelease) {
  std::atomic<unsigned> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        auto connection = threaded.device_connect();
        ASSERT_TRUE(connection) << connection.error().to_string();
        const auto instance = connection->load_model_instance(model_of());
        ASSERT_TRUE(instance) << instance.error().to_string();
        Frame frame;
        for (int n = 0; n < 20; ++n) good += frame.run(*instance, n).ok() && frame.result() == n ? 1 : 0;
        if (i % 2 == 0) connection->release();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 4U * 10 * 20);
  EXPECT_FALSE(threaded.list_devices()->front().in_use);
}

}  // namespace
}  // namespace polymetis::runtime::testing
