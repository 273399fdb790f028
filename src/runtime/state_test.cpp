#include <sys/wait.h>

#include <map>

#include "base/child_test.hpp"
#include "base/thread_host.hpp"
#include "runtime/testing/world.hpp"

// Each call in each state: live, released, a parent released, made before fork, empty.
namespace polymetis::runtime::testing {
namespace {

using namespace std::chrono_literals;

template <class T>
Status status_of(const Expected<T>& result) {
  return result ? Status() : result.error();
}

class StateTest : public World {
 protected:
  using Calls = std::map<std::string, std::function<Status()>>;

  Calls context_calls() {
    return {{"check", [this] { return context.check(); }},
            {"drivers", [this] { return status_of(context.drivers()); }},
            {"run_directory", [this] { return status_of(context.run_directory()); }},
            {"list_devices", [this] { return status_of(context.list_devices()); }},
            {"find_device", [this] { return status_of(context.find_device({})); }},
            {"configure_device", [this] { return status_of(context.configure_device(std::size_t{1}, {})); }},
            {"device_ready", [this] { return status_of(context.device_ready(std::size_t{1})); }},
            {"read_device_configuration", [this] { return status_of(context.read_device_configuration(std::size_t{1})); }},
            {"device_connect", [this] { return status_of(context.device_connect(std::size_t{1})); }}};
  }
  Calls connection_calls() {
    return {{"load_model_instance", [this] { return status_of(connection.load_model_instance(model_of())); }},
            {"device", [this] { return status_of(connection.device()); }},
            {"cores", [this] { return status_of(connection.cores()); }}};
  }
  Calls instance_calls() {
    return {{"run", [this] { return instance.run(frame.inputs(), frame.outputs()); }},
            {"run_async", [this] { return instance.run_async(frame.inputs(), frame.outputs(), [](const Status&) {}); }},
            {"inputs", [this] { return status_of(instance.inputs()); }},
            {"outputs", [this] { return status_of(instance.outputs()); }}};
  }
  static void expect_all(const Calls& calls, std::string_view text) {
    for (const auto& [name, call] : calls) {
      const Status status = call();
      if (text.empty()) {
        EXPECT_TRUE(status.ok()) << name << ": " << status.to_string();
        continue;
      }
      EXPECT_EQ(status.code(), Code::invalid_argument) << name;
      EXPECT_NE(status.to_string().find(text), std::string::npos) << name << ": " << status.to_string();
    }
  }
  static bool all_say(const Calls& calls, std::string_view text) {
    for (const auto& [name, call] : calls) {
      const Status status = call();
      if (status.code() != Code::invalid_argument || status.to_string().find(text) == std::string::npos) return false;
    }
    return true;
  }

  Frame frame;
  Connection connection = connect(2, std::size_t{0});
  ModelInstance instance = load(connection);
};

TEST_F(StateTest, Live) {
  expect_all(context_calls(), "");
  expect_all(connection_calls(), "");
  expect_all(instance_calls(), "");
  EXPECT_FALSE(context.released() || connection.released() || instance.released());
}

TEST_F(StateTest, InstanceReleased) {
  instance.release();
  instance.release();
  EXPECT_TRUE(instance.released());
  EXPECT_EQ(control->unloaded, 1U);
  expect_all(instance_calls(), "this ModelInstance has been released");
  expect_all(connection_calls(), "");
}

TEST_F(StateTest, ConnectionReleased) {
  connection.release();
  connection.release();
  EXPECT_TRUE(instance.released());
  expect_all(instance_calls(), "this ModelInstance has been released");
  expect_all(connection_calls(), "this Connection has been released");
  expect_all(context_calls(), "");
  EXPECT_FALSE(context.list_devices()->front().in_use);
  instance.release();
}

TEST_F(StateTest, ContextReleased) {
  context.release();
  context.release();
  expect_all(instance_calls(), "this ModelInstance has been released");
  expect_all(connection_calls(), "this Connection has been released");
  expect_all(context_calls(), "this Context has been released");
  EXPECT_TRUE(context.released() && connection.released() && instance.released());
  EXPECT_TRUE(make_context().device_connect(std::size_t{0}, 4)) << "the cores are free";
  instance.release();
  connection.release();
}

TEST_F(StateTest, ParentsGoBeforeChildren) {
  context = {};
  EXPECT_FALSE(connection.released());
  expect_all(instance_calls(), "");
  connection = {};
  expect_all(instance_calls(), "");
  EXPECT_FALSE(instance.connection().context().released());
  host->run_until_idle();  // what was queued ends first
  instance = {};
  EXPECT_EQ(control->unloaded, 1U);
  EXPECT_TRUE(make_context().device_connect(std::size_t{0}, 4));
}

TEST_F(StateTest, Empty) {
  context = {};
  connection = {};
  instance = {};
  expect_all(context_calls(), "names no object");
  expect_all(connection_calls(), "names no object");
  expect_all(instance_calls(), "names no object");
  EXPECT_TRUE(context.released() && connection.released() && instance.released());
  context.release();
  connection.release();
  instance.release();
  context.set_logger(LogLevel::error, nullptr);
  context.log(LogLevel::error, "nothing");
}

TEST_F(StateTest, MadeBeforeFork) {
  const int code = base::exit_code_of_child([this] {
    if (!all_say(context_calls(), "made before fork")) return 1;
    if (!all_say(connection_calls(), "made before fork")) return 2;
    if (!all_say(instance_calls(), "made before fork")) return 3;
    instance.release();
    connection.release();
    context.release();
    instance = {};
    connection = {};
    context = {};
    if (control->unloaded != 0) return 4;
    const Context own = make_context();  // a child may start anew
    auto in_use = own.device_connect(std::size_t{0}, 4);
    if (in_use || in_use.error().code() != Code::device_in_use) return 5;
    const auto mine = own.device_connect();
    Frame mine_frame;
    return mine && mine->load_model_instance(model_of())->run(mine_frame.inputs(), mine_frame.outputs()).ok() ? 42 : 6;
  });
  EXPECT_EQ(code, 42);
  expect_all(instance_calls(), "");
  EXPECT_EQ(context.list_devices()->front().core_holders[0], ::getpid());
}

TEST_F(StateTest, ForkWithARunGoingOnInAnotherThread) {
  auto asked = options();
  asked.host = base::ThreadHost::shared();
  const Context threaded = *Context::create(asked);
  control->plan({{Outcome::When::never}});
  const ModelInstance running = *threaded.device_connect()->load_model_instance(model_of());
  std::thread thread([&] { static_cast<void>(frame.run(running, 1)); });
  while (control->submitted < 1) std::this_thread::yield();
  const int code = base::exit_code_of_child([&] {
    Frame other;
    ModelInstance copy = running;
    copy.release();
    return other.run(running, 1).code() == Code::invalid_argument ? 42 : 1;
  });
  EXPECT_EQ(code, 42);
  while (!control->end_held()) std::this_thread::yield();
  thread.join();
}

TEST_F(StateTest, ExitWithEverythingAlive) {
  const int code = base::exit_code_of_child([this] {
    auto asked = options();
    asked.host = nullptr;
    static Context held = *Context::create(asked);  // destroyed at exit, with jobs inside
    control->plan({{Outcome::When::later, 10ms}, {Outcome::When::never}});
    control->traits.depth = 2;
    static ModelInstance alive = *held.device_connect()->load_model_instance(model_of());
    static Frame outlives;
    for (int i = 0; i < 3; ++i) {
      if (!alive.run_async(outlives.inputs(), outlives.outputs(), [](const Status&) {}).ok()) return 1;
    }
    return 42;
  });
  EXPECT_EQ(code, 42);
}

TEST_F(StateTest, ReleasedFromManyThreadsAtOnce) {
  auto asked = options();
  asked.host = base::ThreadHost::shared();
  context = *Context::create(asked);
  connection = connect(2, std::size_t{1});
  instance = load(connection);
  const unsigned unloaded = control->unloaded;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([this, i] {
      if (i % 3 == 0) ModelInstance(instance).release();
      if (i % 3 == 1) Connection(connection).release();
      if (i % 3 == 2) Context(context).release();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(control->unloaded, unloaded + 1U);
  expect_all(instance_calls(), "released");
}

}  // namespace
}  // namespace polymetis::runtime::testing
