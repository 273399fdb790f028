#include <atomic>
#include <barrier>
#include <thread>

#include "capi/capi_test_support.hpp"

namespace {

using namespace capi_test;

using CapiThreads = CapiRun;

/// Runs until an error that is not "busy"; the number of good runs.
int run_until_refused(axrModelInstance* instance, std::atomic<int>& started) {
  Frame in = frame_of(7);
  Frame out{};
  const axrArgument input = argument(in);
  const axrArgument output = argument(out);
  for (int good = 0;; ++good) {
    started.fetch_add(1);
    const axrResult result = axr_run_model_instance(instance, &input, 1, &output, 1);
    if (result != AXR_SUCCESS) {
      EXPECT_EQ(result, AXR_ERROR_INVALID_ARGUMENT) << sentence(instance);
      EXPECT_FALSE(sentence(instance).empty());
      return good;
    }
    EXPECT_EQ(out, incremented(in));
  }
}

template <class Destroy>
void destroy_while_running(axrModelInstance* instance, Destroy&& destroy) {
  std::atomic<int> started{0};
  std::thread runner([&] { run_until_refused(instance, started); });
  while (started.load() < 3) std::this_thread::yield();
  destroy();
  runner.join();
}

TEST_F(CapiThreads, AnInstanceDestroyedUnderARunIsAnErrorToTheNext) {
  destroy_while_running(instance.get(), [&] { axr_destroy(AXR_OBJECT(instance.get())); });
}

TEST_F(CapiThreads, AConnectionDestroyedUnderARunIsAnErrorToTheNext) {
  destroy_while_running(instance.get(), [&] { axr_destroy(AXR_OBJECT(connection.get())); });
}

TEST_F(CapiThreads, AContextDestroyedUnderARunIsAnErrorToTheNext) {
  destroy_while_running(instance.get(), [&] { axr_destroy(AXR_OBJECT(context.get())); });
}

TEST_F(CapiThreads, AnInstanceGoesFromThreadToThread) {
  for (int seed = 0; seed < 8; ++seed) {
    std::thread([&] {
      Frame in = frame_of(seed);
      Frame out{};
      EXPECT_EQ(run(in, out), AXR_SUCCESS) << sentence(instance.get());
      EXPECT_EQ(out, incremented(in));
    }).join();
  }
}

TEST_F(CapiThreads, WorkersRunInParallelEachItsOwnInstance) {
  std::vector<std::thread> workers;
  for (int w = 0; w < 7; ++w) {
    workers.emplace_back([&, w] {
      const auto own_connection = connect();
      const auto own = load(own_connection.get(), model.get());
      ASSERT_TRUE(own) << sentence(context.get());
      for (int i = 0; i < 50; ++i) {
        Frame in = frame_of(w * 100 + i);
        Frame out{};
        const axrArgument input = argument(in);
        const axrArgument output = argument(out);
        ASSERT_EQ(axr_run_model_instance(own.get(), &input, 1, &output, 1), AXR_SUCCESS) << sentence(own.get());
        ASSERT_EQ(out, incremented(in));
      }
    });
  }
  for (auto& worker : workers) worker.join();
}

TEST_F(CapiThreads, MakingAndDestroyingRace) {
  std::vector<std::thread> threads;
  std::atomic<axrProperties*> shared{nullptr};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        axrProperties* mine = axr_create_properties(context.get(), "a=1");
        ASSERT_NE(mine, nullptr);
        axrProperties* old = shared.exchange(mine);
        const char* value = axr_get_property(shared.load(), "a");
        EXPECT_TRUE(value == nullptr || std::string(value) == "1");
        axr_destroy(AXR_OBJECT(old));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(CapiThreads, AContextDestroyedWhileOthersMakeThings) {
  for (int round = 0; round < 20; ++round) {
    axrContext* doomed = axr_create_context();
    std::barrier together(4);
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        together.arrive_and_wait();
        while (axr_create_properties(doomed, "") != nullptr) {
          axrDeviceInfo* devices = nullptr;
          axr_list_devices(doomed, t == 0 ? &devices : nullptr);
          axr_destroy(AXR_OBJECT(axr_load_model(doomed, package().c_str())));
        }
        EXPECT_EQ(error(doomed), AXR_ERROR_INVALID_ARGUMENT);
      });
    }
    together.arrive_and_wait();
    axr_destroy(AXR_OBJECT(doomed));
    for (auto& thread : threads) thread.join();
  }
}

TEST_F(CapiThreads, TheLoggerMayCallBack) {
  struct Self {
    axrContext* context;
    std::atomic<int> called{0};
  } self{context.get()};
  axr_set_logger(
      context.get(), AXR_LOG_TRACE,
      [](void* argument, axrLogLevel, const char*) {
        auto& me = *static_cast<Self*>(argument);
        ++me.called;
        axr_list_devices(me.context, nullptr);
      },
      &self);
  EXPECT_TRUE(connect());
  axr_set_logger(context.get(), AXR_LOG_TRACE, nullptr, nullptr);
}

TEST_F(CapiThreads, TwoThreadsOnOneInstanceIsAnErrorOrTakesTurns) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200 && !stop; ++i) {
        Frame in = frame_of(t * 1000 + i);
        Frame out{};
        const axrResult result = run(in, out);
        if (result == AXR_SUCCESS) {
          ASSERT_EQ(out, incremented(in)) << "never another's frame";
        } else {
          ASSERT_EQ(result, AXR_ERROR_INVALID_ARGUMENT) << sentence(instance.get());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
