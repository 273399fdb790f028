#include <cstring>
#include <fstream>

#include "capi/capi_test_support.hpp"

namespace {

using namespace capi_test;

using CapiDevices = Capi;

TEST_F(CapiDevices, ListGivesAnArrayOfStructs) {
  axrDeviceInfo* devices = nullptr;
  ASSERT_EQ(axr_list_devices(context.get(), &devices), 2U) << sentence(context.get());
  ASSERT_NE(devices, nullptr);
  EXPECT_STREQ(devices[0].name, "metis-0:1:0");
  EXPECT_STREQ(devices[1].name, "metis-0:3:0");
  for (int n = 0; n < 2; ++n) {
    EXPECT_EQ(devices[n].subdevice_count, 4U);
    EXPECT_EQ(devices[n].board_type, AXR_BOARD_METIS_OMEGA_PCIE);
    EXPECT_EQ(devices[n].in_use, 0);
    EXPECT_STREQ(devices[n].in_use_by, "");
    EXPECT_GT(devices[n].max_memory, 0U);
  }
}

TEST_F(CapiDevices, NullOnlyCountsAndLeavesTheArray) {
  axrDeviceInfo* devices = nullptr;
  ASSERT_EQ(axr_list_devices(context.get(), &devices), 2U);
  EXPECT_EQ(axr_list_devices(context.get(), nullptr), 2U);
  EXPECT_STREQ(devices[1].name, "metis-0:3:0");
}

TEST_F(CapiDevices, SuccessOfListIsTold) {
  EXPECT_EQ(axr_load_model(context.get(), "/no/such/package"), nullptr);
  EXPECT_NE(error(context.get()), AXR_SUCCESS);
  EXPECT_EQ(axr_list_devices(context.get(), nullptr), 2U);
  EXPECT_EQ(error(context.get()), AXR_SUCCESS);
  EXPECT_EQ(sentence(context.get()), "");
}

TEST_F(CapiDevices, WhoUsesADeviceIsTold) {
  const auto connection = connect(2);
  ASSERT_TRUE(connection) << sentence(context.get());
  const auto now = devices();
  EXPECT_EQ(now[0].in_use, 1);
  EXPECT_NE(std::string(now[0].in_use_by).find(std::to_string(getpid())), std::string::npos) << now[0].in_use_by;
  EXPECT_EQ(now[1].in_use, 0);
}

TEST_F(CapiDevices, ADeviceIsFoundByItsNameAlone) {
  axrDeviceInfo device;
  std::memset(&device, 0xff, sizeof(device));
  std::strcpy(device.name, "metis-0:3:0");
  EXPECT_EQ(axr_device_ready(context.get(), &device), AXR_SUCCESS) << sentence(context.get());
  const auto connection = axr::to_ptr(axr_device_connect(context.get(), &device, 4, nullptr));
  ASSERT_TRUE(connection) << sentence(context.get());
  EXPECT_EQ(devices()[1].in_use, 1);

  std::memset(&device, 0, sizeof(device));
  std::strcpy(device.name, "metis-0-1-0");
  EXPECT_EQ(axr_device_ready(context.get(), &device), AXR_SUCCESS) << "':' and '-' are equal";
}

TEST_F(CapiDevices, AnUnknownOrNamelessDeviceIsRefused) {
  axrDeviceInfo device{};
  EXPECT_EQ(axr_device_ready(context.get(), &device), AXR_ERROR_INVALID_ARGUMENT);
  std::memset(device.name, 'x', sizeof(device.name));  // not ended by a zero
  EXPECT_EQ(axr_device_ready(context.get(), &device), AXR_ERROR_INVALID_ARGUMENT);
  std::strcpy(device.name, "metis-0:9:0");
  EXPECT_EQ(axr_device_ready(context.get(), &device), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_NE(sentence(context.get()).find("metis-0:9:0"), std::string::npos) << sentence(context.get());
  EXPECT_NE(sentence(context.get()).find("metis-0:1:0"), std::string::npos) << "what there is: " << sentence(context.get());
  EXPECT_EQ(axr_configure_device(context.get(), &device, nullptr), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(axr_read_device_configuration(context.get(), &device), nullptr);
  EXPECT_EQ(axr_device_connect(context.get(), &device, 1, nullptr), nullptr);
  EXPECT_EQ(axr_device_ready(context.get(), nullptr), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(axr_configure_device(context.get(), nullptr, nullptr), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(axr_read_device_configuration(context.get(), nullptr), nullptr);
}

TEST_F(CapiDevices, ConfigureAppliesAllOrNothing) {
  const auto device = devices()[0];
  const auto configure = [&](const char* text) {
    const auto properties = axr::to_ptr(axr_create_properties(context.get(), text));
    return axr_configure_device(context.get(), &device, properties.get());
  };
  const auto clock = [&](const char* key) {
    const auto now = axr::to_ptr(axr_read_device_configuration(context.get(), &device));
    const char* value = axr_get_property(now.get(), key);
    return std::string(value == nullptr ? "" : value);
  };
  EXPECT_EQ(configure("clock_profile=600;mvm_utilisation_core_1=50;device_firmware=1"), AXR_SUCCESS) << sentence(context.get());
  EXPECT_EQ(clock("clock_profile_core_3"), "600");
  EXPECT_EQ(configure("clock_profile=700;no_such_key=1"), AXR_ERROR_INVALID_CONFIGURATION);
  EXPECT_NE(sentence(context.get()).find("no_such_key"), std::string::npos) << sentence(context.get());
  EXPECT_EQ(configure("clock_profile_core_0=700;clock_profile_core_1=fast"), AXR_ERROR_VALUE_ERROR);
  EXPECT_NE(sentence(context.get()).find("fast"), std::string::npos) << sentence(context.get());
  EXPECT_EQ(clock("clock_profile_core_0"), "600");
  EXPECT_EQ(configure("clock_profile=800;mvm_utilisation_core_1=100"), AXR_SUCCESS);
  EXPECT_EQ(axr_device_ready(context.get(), &device), AXR_SUCCESS);
}

TEST_F(CapiDevices, AConfigurationMayBePending) {
  const auto file = temporary_folder() / "configure.toml";
  std::ofstream(file) << "[defaults]\ncompute='none'\n[[board]]\nname='metis-0:7:0'\nconfigure_s=3600\n"
                         "[[board]]\nname='metis-0:8:0'\nconfigure_s=0.005";
  const Environment environment("POLYMETIS_TOPOLOGY", file);
  context = axr::to_ptr(axr_create_context());
  const auto cards = devices();
  ASSERT_EQ(cards.size(), 2U) << sentence(context.get());
  const auto slower = axr::to_ptr(axr_create_properties(context.get(), "clock_profile=600"));
  EXPECT_EQ(axr_configure_device(context.get(), &cards[0], slower.get()), AXR_ERROR_PENDING_ERROR);
  EXPECT_EQ(axr_device_ready(context.get(), &cards[0]), AXR_ERROR_PENDING_ERROR);
  axrResult result = axr_configure_device(context.get(), &cards[1], slower.get());
  while (result == AXR_ERROR_PENDING_ERROR) result = axr_device_ready(context.get(), &cards[1]);
  EXPECT_EQ(result, AXR_SUCCESS) << sentence(context.get());
}

TEST_F(CapiDevices, ConnectTakesTheFirstWithCoresFree) {
  const auto first = connect(3);
  const auto second = connect(3);
  ASSERT_TRUE(first && second) << sentence(context.get());
  EXPECT_EQ(devices()[0].in_use, 1);
  EXPECT_EQ(devices()[1].in_use, 1);
  EXPECT_FALSE(connect(2));
  EXPECT_EQ(error(context.get()), AXR_ERROR_DEVICE_IN_USE) << sentence(context.get());
  EXPECT_TRUE(connect(1));
  EXPECT_FALSE(connect(0));
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT);
  EXPECT_FALSE(connect(5));
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_ARGUMENT);
}

TEST_F(CapiDevices, ConnectKnowsItsKeys) {
  const auto connect_with = [&](const char* text) {
    const auto properties = axr::to_ptr(axr_create_properties(context.get(), text));
    return axr::to_ptr(axr_device_connect(context.get(), nullptr, 1, properties.get()));
  };
  EXPECT_TRUE(connect_with("device_firmware_check=0\ndevice_name=triton-0:1:0\n")) << sentence(context.get());
  EXPECT_FALSE(connect_with("double_buffer=1"));
  EXPECT_EQ(error(context.get()), AXR_ERROR_INVALID_CONFIGURATION);
}

TEST_F(CapiDevices, ContextsShareReservations) {
  const auto other = axr::to_ptr(axr_create_context());
  const auto all_of_first = connect(4);
  ASSERT_TRUE(all_of_first);
  const auto second = axr::to_ptr(axr_device_connect(other.get(), nullptr, 4, nullptr));
  ASSERT_TRUE(second) << sentence(other.get());
  EXPECT_EQ(axr_device_connect(other.get(), nullptr, 1, nullptr), nullptr);
  EXPECT_EQ(error(other.get()), AXR_ERROR_DEVICE_IN_USE);
  EXPECT_EQ(error(context.get()), AXR_SUCCESS) << "each context has its own errors";
}

}  // namespace
