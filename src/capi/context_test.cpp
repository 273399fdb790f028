#include <thread>

#include "capi/capi_test_support.hpp"

namespace {

using namespace capi_test;

using CapiContext = CapiRun;

TEST_F(CapiContext, StartsWithoutAnError) {
  EXPECT_EQ(error(context.get()), AXR_SUCCESS);
  EXPECT_EQ(sentence(context.get()), "");
}

TEST_F(CapiContext, EachObjectKnowsItsContext) {
  const auto properties = axr::to_ptr(axr_create_properties(context.get(), nullptr));
  const auto of_model = axr::to_ptr(axr_get_model_properties(model.get()));
  EXPECT_EQ(axr_get_context(AXR_OBJECT(context.get())), context.get());
  EXPECT_EQ(axr_get_context(AXR_OBJECT(connection.get())), context.get());
  EXPECT_EQ(axr_get_context(AXR_OBJECT(model.get())), context.get());
  EXPECT_EQ(axr_get_context(AXR_OBJECT(instance.get())), context.get());
  EXPECT_EQ(axr_get_context(AXR_OBJECT(properties.get())), context.get());
  EXPECT_EQ(axr_get_context(AXR_OBJECT(of_model.get())), context.get());
  EXPECT_EQ(axr_get_context(nullptr), nullptr);
}

TEST_F(CapiContext, AnyObjectTellsTheErrorOfItsContext) {
  EXPECT_EQ(axr_load_model(context.get(), nullptr), nullptr);
  for (const void* object : std::initializer_list<const void*>{context.get(), connection.get(), model.get(), instance.get()}) {
    EXPECT_EQ(error(object), AXR_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(sentence(object), "axr_load_model wants the path of a package: NULL was given");
  }
}

TEST_F(CapiContext, AThreadHasItsOwnErrorThenTheContexts) {
  EXPECT_EQ(axr_load_model(context.get(), nullptr), nullptr);
  std::thread([&] {
    EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT) << "none of its own: the context's";
    EXPECT_EQ(axr_load_model(context.get(), "/no/such/package"), nullptr);
    EXPECT_EQ(error(context.get()), AXR_ERROR_VALUE_ERROR);
  }).join();
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT) << "its own, though another thread failed later";
  std::thread([&] { EXPECT_EQ(error(context.get()), AXR_ERROR_VALUE_ERROR) << "the context's last"; }).join();
}

TEST_F(CapiContext, ErrorsOfTwoContextsStayApart) {
  const auto other = axr::to_ptr(axr_create_context());
  EXPECT_EQ(axr_load_model(context.get(), nullptr), nullptr);
  EXPECT_EQ(axr_load_model(other.get(), "/no/such/package"), nullptr);
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(error(other.get()), AXR_ERROR_VALUE_ERROR);
  EXPECT_EQ(error(nullptr), AXR_ERROR_VALUE_ERROR) << "the thread's last";
}

TEST_F(CapiContext, ASuccessLeavesTheLastError) {
  EXPECT_EQ(axr_load_model(context.get(), nullptr), nullptr);
  EXPECT_TRUE(load());
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT);
}

TEST_F(CapiContext, OneThatCannotStartIsNotNullAndSaysSo) {
  const Environment environment("POLYMETIS_TOPOLOGY", "/no/such/topology.toml");
  const auto broken = axr::to_ptr(axr_create_context());
  ASSERT_TRUE(broken);
  const axrResult why = error(broken.get());
  EXPECT_NE(why, AXR_SUCCESS);
  EXPECT_NE(sentence(broken.get()).find("/no/such/topology.toml"), std::string::npos) << sentence(broken.get());

  axrDeviceInfo* devices = nullptr;
  axrDeviceInfo device{};
  EXPECT_EQ(axr_list_devices(broken.get(), &devices), 0U);
  EXPECT_EQ(devices, nullptr);
  EXPECT_EQ(axr_configure_device(broken.get(), &device, nullptr), why);
  EXPECT_EQ(axr_device_ready(broken.get(), &device), why);
  EXPECT_EQ(axr_read_device_configuration(broken.get(), &device), nullptr);
  EXPECT_EQ(axr_device_connect(broken.get(), nullptr, 1, nullptr), nullptr);
  EXPECT_EQ(axr_load_model(broken.get(), package().c_str()), nullptr);
  axr_set_logger(broken.get(), AXR_LOG_TRACE, nullptr, nullptr);
  EXPECT_EQ(error(broken.get()), why);
  EXPECT_TRUE(axr::to_ptr(axr_create_properties(broken.get(), "a=1")));
  EXPECT_EQ(axr_get_context(AXR_OBJECT(broken.get())), broken.get());
}

struct Logged {
  std::vector<std::string> messages;
  std::vector<axrLogLevel> levels;
  static void function(void* self, axrLogLevel level, const char* message) {
    static_cast<Logged*>(self)->messages.emplace_back(message);
    static_cast<Logged*>(self)->levels.push_back(level);
  }
};

TEST_F(CapiContext, ALoggerHearsItsLevelsUntilItIsTakenOff) {
  Logged logged;
  axr_set_logger(context.get(), AXR_LOG_TRACE, Logged::function, &logged);
  EXPECT_TRUE(connect());
  for (const axrLogLevel level : logged.levels) EXPECT_TRUE(level >= AXR_LOG_TRACE && level <= AXR_LOG_ERROR);
  axr_set_logger(context.get(), AXR_LOG_ERROR, Logged::function, &logged);
  logged.levels.clear();
  EXPECT_TRUE(connect());
  for (const axrLogLevel level : logged.levels) EXPECT_EQ(level, AXR_LOG_ERROR);
  axr_set_logger(context.get(), AXR_LOG_TRACE, nullptr, nullptr);
  logged.messages.clear();
  EXPECT_TRUE(connect());
  EXPECT_TRUE(logged.messages.empty());
}

TEST_F(CapiContext, ALogLevelIsChecked) {
  axr_set_logger(context.get(), static_cast<axrLogLevel>(7), Logged::function, nullptr);
  EXPECT_EQ(error(context.get()), AXR_ERROR_VALUE_ERROR);
  axr_set_logger(context.get(), static_cast<axrLogLevel>(-1), nullptr, nullptr);
  EXPECT_EQ(error(context.get()), AXR_ERROR_VALUE_ERROR);
}

}  // namespace
