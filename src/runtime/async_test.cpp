#include <atomic>
#include <thread>

#include "base/thread_host.hpp"
#include "runtime/testing/world.hpp"

namespace polymetis::runtime::testing {
namespace {

using namespace std::chrono_literals;

class AsyncTest : public World {
 protected:
  Status submit(const ModelInstance& instance, Frame& frame, int value) {
    frame.in[0] = static_cast<std::byte>(value);
    return instance.run_async(frame.inputs(), frame.outputs(), [this, &frame](const Status& status) {
      statuses.push_back(status);
      results.push_back(frame.result());
      if (then) then();
    });
  }
  std::vector<Status> statuses;
  std::vector<int> results;
  std::function<void()> then;
};

TEST_F(AsyncTest, AnswersOnTheHostInOrder) {
  const ModelInstance instance = load(connect());
  std::vector<Frame> frames(5);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(submit(instance, frames[static_cast<std::size_t>(i)], i).ok());
  EXPECT_TRUE(results.empty()) << "never inside the call";
  host->run_until_idle();
  EXPECT_EQ(results, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(AsyncTest, AFullQueueIsPending) {
  control->plan({}, {Outcome::When::later, 1ms});
  const ModelInstance instance = load(connect(), {{"max_inflight", "1"}, {"max_pending", "2"}});
  std::vector<Frame> frames(5);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(submit(instance, frames[i], 1).ok());
  EXPECT_EQ(submit(instance, frames[3], 1).code(), Code::pending);
  host->run_until_idle();
  EXPECT_EQ(results.size(), 3U);
  EXPECT_TRUE(submit(instance, frames[3], 1).ok());
  host->run_until_idle();
  EXPECT_EQ(results.size(), 4U);
}

TEST_F(AsyncTest, AQueueHoldsWhatWasAskedForWhateverTheDeviceTakes) {
  control->plan({}, {Outcome::When::later, 1ms});
  const ModelInstance instance = load(connect(), {{"max_inflight", "4"}, {"max_pending", "2"}});
  std::vector<Frame> frames(7);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_TRUE(submit(instance, frames[i], 1).ok()) << i;
  const Status full = submit(instance, frames[6], 1);
  EXPECT_EQ(full.code(), Code::pending);
  EXPECT_TRUE(says(full, "6 frames are in it, as max_inflight (4) and max_pending (2) say")) << full.to_string();
  host->run_until_idle();
}

TEST_F(AsyncTest, HostProfilingTellsOfEachFrame) {
  std::vector<std::string> messages;
  context.set_logger(LogLevel::debug, [&](LogLevel, const char* message) { messages.emplace_back(message); });
  control->plan({{}, {Outcome::When::inside, 0ns, Status(Code::runtime_error, "failed")}}, {});
  const ModelInstance instance = load(connect(), {{"host_profiling", "1"}});
  std::vector<Frame> frames(3);
  for (Frame& frame : frames) EXPECT_TRUE(submit(instance, frame, 1).ok());
  host->run_until_idle();
  EXPECT_EQ(std::count_if(messages.begin(), messages.end(), [](const auto& text) { return text.find("profile of 'toy'") == 0; }), 2);
}

TEST_F(AsyncTest, InTheCallbackThePlaceIsFree) {
  control->plan({}, {Outcome::When::later, 1ms});
  const ModelInstance instance = load(connect(), {{"max_inflight", "1"}, {"max_pending", "0"}});
  Frame frame;
  int again = 50;
  then = [&] {
    if (--again > 0) {
      EXPECT_TRUE(submit(instance, frame, again).ok());
    }
  };
  EXPECT_TRUE(submit(instance, frame, again).ok());
  host->run_until_idle();
  EXPECT_EQ(results.size(), 50U);
  EXPECT_EQ(results.back(), 1);
}

TEST_F(AsyncTest, DepthOfTheDeviceIsUsed) {
  control->traits.depth = 3;
  control->plan({}, {Outcome::When::never});
  const ModelInstance instance = load(connect());
  std::vector<Frame> frames(6);
  for (Frame& frame : frames) EXPECT_TRUE(submit(instance, frame, 1).ok());
  EXPECT_EQ(control->submitted, 3U);
  control->end_held();
  EXPECT_EQ(control->submitted, 4U);
  while (control->end_held()) {
  }
  host->run_until_idle();
  EXPECT_EQ(results.size(), 6U);
}

TEST_F(AsyncTest, FailuresAndRefusals) {
  control->plan({{Outcome::When::inside, 0ns, Status(Code::connection_error, "link lost")}});
  const ModelInstance instance = load(connect());
  Frame frame;
  EXPECT_TRUE(submit(instance, frame, 1).ok());
  host->run_until_idle();
  EXPECT_EQ(statuses.at(0).code(), Code::connection_error);
  EXPECT_EQ(instance.run_async({}, frame.outputs(), [](const Status&) {}).code(), Code::invalid_argument);
  EXPECT_EQ(instance.run_async(frame.inputs(), frame.outputs(), {}).code(), Code::invalid_argument);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(instance.run_async({}, {}, [](const Status&) {}).code(), Code::invalid_argument) << "keeps no place";
}

TEST_F(AsyncTest, ACallbackThatThrowsIsLogged) {
  std::vector<std::string> messages;
  context.set_logger(LogLevel::error, [&](LogLevel, const char* message) { messages.emplace_back(message); });
  const ModelInstance instance = load(connect());
  Frame frame;
  then = [] { throw std::runtime_error("mine"); };
  EXPECT_TRUE(submit(instance, frame, 1).ok());
  host->run_until_idle();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_NE(messages[0].find("mine"), std::string::npos);
  then = nullptr;
  EXPECT_TRUE(submit(instance, frame, 1).ok());
  host->run_until_idle();
  EXPECT_EQ(results.size(), 2U);
}

TEST_F(AsyncTest, ReleaseEndsWhatWaitsAndLetsTheDeviceFinishTheRest) {
  control->plan({}, {Outcome::When::later, 5ms});
  ModelInstance instance = load(connect(), {{"max_pending", "4"}});
  std::vector<Frame> frames(3);
  for (Frame& frame : frames) EXPECT_TRUE(submit(instance, frame, 1).ok());
  instance.release();
  host->run_until_idle();
  ASSERT_EQ(statuses.size(), 3U);
  EXPECT_EQ(std::count_if(statuses.begin(), statuses.end(), [](const Status& status) { return status.ok(); }), 1);
  EXPECT_EQ(control->unloaded, 1U);
  EXPECT_EQ(submit(instance, frames[0], 1).code(), Code::invalid_argument);
}

TEST_F(AsyncTest, ReleaseFromWithinACallback) {
  ModelInstance instance = load(connect());
  Frame frame;
  then = [&] { instance.release(); };
  EXPECT_TRUE(submit(instance, frame, 1).ok());
  host->run_until_idle();
  EXPECT_EQ(results.size(), 1U);
  EXPECT_EQ(control->unloaded, 1U);
}

TEST_F(AsyncTest, ASecondReleaseWaitsAsTheFirstDoes) {
  control->traits.depth = 2;
  control->plan({{Outcome::When::later, 1ms}, {Outcome::When::later, 5ms}});
  Connection connection = connect(4);
  const ModelInstance instance = load(connection);
  std::vector<Frame> frames(2);
  const TimePoint began = host->now();
  then = [&] { connection.release(); };
  for (Frame& frame : frames) EXPECT_TRUE(submit(instance, frame, 1).ok());
  host->run_until(began + 2ms);
  EXPECT_EQ(results.size(), 1U);
  EXPECT_TRUE(connection.released());
  connection.release();
  EXPECT_EQ(host->now(), began + 5ms);
  EXPECT_TRUE(context.device_connect(std::size_t{0}, 4)) << "the cores are free";
}

TEST_F(AsyncTest, AReleaseHasOneTimeLimitForAllThatItReleases) {
  control->traits.hang_floor = 30s;
  control->plan({}, {Outcome::When::never});
  std::vector<Frame> frames(4);
  Connection connection = connect(4);
  std::vector<ModelInstance> instances;
  for (Frame& frame : frames) EXPECT_TRUE(submit(instances.emplace_back(load(connection)), frame, 1).ok());
  const TimePoint began = host->now();
  context.release();
  connection.release();
  for (ModelInstance& instance : instances) instance.release();
  EXPECT_EQ(host->now() - began, 5s);
  Context other = make_context();
  EXPECT_EQ(other.device_connect(std::size_t{0}).error().code(), Code::device_in_use) << "until the runs end";
  while (control->end_held()) {
  }
  host->run_until_idle();
  EXPECT_TRUE(other.device_connect(std::size_t{0}, 4));
}

TEST_F(AsyncTest, AReleaseWaitsUntilTheDeviceLetsGoOfWhatWasInterrupted) {
  control->plan({{Outcome::When::later, 70ms}});
  Connection connection = connect(4);
  ModelInstance instance = load(connection);
  Frame frame;
  EXPECT_FALSE(frame.run(instance, 1, {.interrupted = [](void*) { return true; }}).ok());
  instance = {};
  connection.release();
  EXPECT_TRUE(context.device_connect(std::size_t{0}, 4)) << "the cores are free";
}

TEST_F(AsyncTest, HandlesMayGoBeforeTheAnswer) {
  control->plan({}, {Outcome::When::later, 5ms});
  Frame frame;
  {
    const ModelInstance instance = load(connect());
    EXPECT_TRUE(submit(instance, frame, 3).ok());
  }
  host->run_until_idle();
  EXPECT_EQ(results, std::vector<int>{3});
  EXPECT_EQ(control->unloaded, 1U);
}

TEST_F(AsyncTest, ABlockingRunWaitsForTheQueuedOnes) {
  control->plan({}, {Outcome::When::later, 1ms});
  const ModelInstance instance = load(connect());
  Frame queued, frame;
  EXPECT_TRUE(submit(instance, queued, 3).ok());
  EXPECT_TRUE(frame.run(instance, 4).ok());
  EXPECT_EQ(results, std::vector<int>{3});
  EXPECT_EQ(frame.result(), 4);
}

TEST_F(AsyncTest, ACallbackMayRunWhileOthersAreQueued) {
  control->plan({}, {Outcome::When::later, 1ms});
  const ModelInstance instance = load(connect());
  std::vector<Frame> frames(4);
  Frame own;
  Status status(Code::internal_error, "not run");
  then = [&] {
    if (results.size() > 1) return;
    status = own.run(instance, 9);
    EXPECT_EQ(frames[3].result(), 3) << "the device did what was queued before";
  };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(submit(instance, frames[static_cast<std::size_t>(i)], i).ok());
  host->run_until_idle();
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(own.result(), 9);
  EXPECT_EQ(results, (std::vector<int>{0, 1, 2, 3}));
}

TEST_F(AsyncTest, ACallbackOnAThreadMayRunWhileOthersAreQueued) {
  auto asked = options();
  asked.host = base::ThreadHost::shared();
  const Context threaded = *Context::create(asked);
  control->plan({}, {Outcome::When::later, 10us});
  const ModelInstance instance = *threaded.device_connect()->load_model_instance(model_of());
  std::vector<Frame> frames(4);
  Frame own;
  std::vector<Status> in_callbacks;
  Latch done;
  for (Frame& frame : frames) {
    const auto callback = [&](const Status&) {
      in_callbacks.push_back(own.run(instance, 9));
      if (in_callbacks.size() == frames.size()) done.open();
    };
    Status status;
    do {  // a callback's run may be going on
      status = instance.run_async(frame.inputs(), frame.outputs(), callback);
    } while (status.code() == Code::invalid_argument);
    EXPECT_TRUE(status.ok()) << status.to_string();
  }
  threaded.host().wait(done, TimePoint::max());
  for (const Status& status : in_callbacks) EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(own.result(), 9);
}

TEST_F(AsyncTest, QueuedRunsWaitForAPlaceThatAnInterruptedRunStillHas) {
  control->plan({{Outcome::When::never}});
  const ModelInstance instance = load(connect());
  Frame lost, frame;
  const RunOptions options{.interrupted = [](void*) { return true; }};
  EXPECT_FALSE(lost.run(instance, 1, options).ok());
  EXPECT_TRUE(submit(instance, frame, 2).ok());
  host->run_until(host->now() + 10ms);
  EXPECT_TRUE(results.empty());
  control->end_held();
  host->run_until(host->now() + 10ms);
  EXPECT_EQ(results, std::vector<int>{2});
}

TEST_F(AsyncTest, WithDoubleBufferEachGetsItsOwnResult) {
  const ModelInstance instance = load(connect(), {{"double_buffer", "1"}});
  Frame frame;
  EXPECT_TRUE(submit(instance, frame, 3).ok());
  host->run_until_idle();
  EXPECT_EQ(results, std::vector<int>{3});
}

TEST_F(AsyncTest, OnThreadsFromThreads) {
  auto asked = options();
  asked.host = base::ThreadHost::shared();
  const Context threaded = *Context::create(asked);
  control->traits.depth = 2;
  const ModelInstance instance = *threaded.device_connect()->load_model_instance(model_of(), {{"max_pending", "2"}});
  std::atomic<unsigned> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      Frame frame;
      for (int i = 0; i < 300; ++i) {
        Latch done;
        Status status;
        do {
          status = instance.run_async(frame.inputs(), frame.outputs(), [&](const Status& ended) {
            answered += ended.ok() ? 1 : 0;
            done.open();
          });
          if (!status.ok()) std::this_thread::yield();
        } while (status.code() == Code::pending);
        ASSERT_TRUE(status.ok()) << status.to_string();
        threaded.host().wait(done, TimePoint::max());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 900U);
  EXPECT_EQ(control->overlaps, 0U);
}

}  // namespace
}  // namespace polymetis::runtime::testing
