#include "device/device_identity.hpp"

#include <gtest/gtest.h>

namespace polymetis::device {
namespace {

TEST(DeviceFile, IsNamedAfterTheDevice) {
  EXPECT_EQ(device_file("/run", "metis-0:1:0", ".cores"), "/run/metis-0-1-0.cores");
  EXPECT_EQ(device_file("/run", "My_card.2", ".cores"), "/run/My_card.2.cores");
}

TEST(DeviceFile, StaysInTheDirectoryAndApart) {
  EXPECT_EQ(device_file("/run", "../etc/x", ".cores"), "/run/%2E.%2Fetc%2Fx.cores");
  EXPECT_EQ(device_file("/run", ".", ".cores"), "/run/%2E.cores");
  EXPECT_EQ(device_file("/run", "a b\n%\xff", ".cores"), "/run/a%20b%0A%25%FF.cores");
  EXPECT_EQ(device_file("/run", std::string_view("a\0b", 3), ".cores"), "/run/a%00b.cores");
}

TEST(DescriptionText, IsALineAKeyWhateverTheNames) {
  DeviceDescription device;
  device.name = "a:b\nc";
  device.origin = "topology\n/x";
  device.core_count = 4;
  device.behaviour = "b\nc";
  EXPECT_EQ(description_text(device),
            "origin: topology /x\nname: a-b c\ncores: 4\nmemory_bytes: 0\nboard: \nboard_type: 6\nreality: real\nbehaviour: b c\n");
}

TEST(DescriptionText, TheOriginIsNamedButNotCompared) {
  DeviceDescription one;
  one.origin = "topology /one.toml";
  DeviceDescription other = one;
  other.origin = "topology /other.toml";
  EXPECT_EQ(without_origin(description_text(one)), without_origin(description_text(other)));
  EXPECT_EQ(description_hash(one), description_hash(other));
  other.behaviour = "slower";
  EXPECT_NE(without_origin(description_text(one)), without_origin(description_text(other)));
  EXPECT_NE(description_hash(one), description_hash(other));
  EXPECT_EQ(without_origin(""), "");
}

TEST(DescriptionText, LeavesOutWhatADriverMayLearnLater) {
  DeviceDescription device;
  const std::string before = description_text(device);
  device.firmware_version = "1.2";
  device.clocks_mhz = {800};
  EXPECT_EQ(description_text(device), before);
}

TEST(Difference, NamesTheOriginAlways) {
  EXPECT_EQ(difference_of("origin: a\ncores: 4\n", "origin: a\ncores: 2\n"), "origin is 'a' for both; cores is '4' there and '2' here");
  EXPECT_EQ(difference_of("origin: a\ncores: 4\n", "origin: b: c\ncores: 4\n"), "origin is 'a' there and 'b: c' here");
  EXPECT_EQ(difference_of("", "origin: b\n"), "origin is '' there and 'b' here");
}

}  // namespace
}  // namespace polymetis::device
