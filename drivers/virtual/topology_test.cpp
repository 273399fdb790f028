#include "virtual/topology.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "conformance/test_package.hpp"
#include "faulty/faulty.hpp"

namespace polymetis::virtual_card {

namespace {

Topology good(const std::string& text) {
  auto topology = parse_topology(text, "t.toml", 2);
  EXPECT_TRUE(topology) << topology.error().to_string();
  return topology ? *topology : Topology{};
}

std::string complaint(const std::string& text) {
  const auto topology = parse_topology(text, "t.toml", 2);
  if (topology) return "nothing";
  EXPECT_EQ(topology.error().code(), Code::invalid_configuration);
  return topology.error().to_string();
}

std::string read(const std::filesystem::path& path) {
  std::ifstream stream(path);
  EXPECT_TRUE(stream) << path;
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

const std::filesystem::path source = POLYMETIS_SOURCE_DIR;

TEST(Topology, DefaultIsTwoPcieCards) {
  const auto topology = default_topology();
  ASSERT_EQ(topology.devices.size(), 2U);
  const auto& card = topology.devices[1].description;
  EXPECT_EQ(topology.devices[0].description.name, "metis-0:1:0");
  EXPECT_EQ(card.name, "metis-0:3:0");
  EXPECT_NE(card.board, topology.devices[0].description.board);
  EXPECT_EQ(card.core_count, 4U);
  EXPECT_EQ(card.memory_bytes, std::uint64_t{4} << 30);
  EXPECT_EQ(card.board_type, BoardType::pcie);
  EXPECT_EQ(card.reality, Reality::simulated);
  EXPECT_EQ(topology.devices[1].compute, ComputeKind::openvino);
  EXPECT_EQ(topology.devices[1].timing.kind, Timing::Kind::host);
}

TEST(Topology, TheExampleOfTheDocumentParsesWordForWord) {
  const auto page = read(source / "docs/topology.md");
  const auto start = page.find("```toml\n") + 8;
  const auto topology = good(page.substr(start, page.find("```", start) - start));
  ASSERT_EQ(topology.devices.size(), 7U);
  EXPECT_EQ(topology.devices[0].cpus, std::vector<unsigned>{0});
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(topology.devices[static_cast<std::size_t>(i)].description.board, "quad");
  EXPECT_EQ(topology.devices[1].description.memory_bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(topology.devices[4].timing.frames_per_second, 243);
  EXPECT_EQ(topology.devices[5].description.name, "metis-0:11:0");
  EXPECT_EQ(topology.devices[6].description.name, "metis-0:12:0");
  EXPECT_EQ(topology.devices[6].description.board, "metis-0:12:0");
  ASSERT_EQ(topology.faults.faults.size(), 2U);
  EXPECT_EQ(topology.faults.seed, 7U);
  EXPECT_EQ(topology.faults.faults[0].kind, faulty::FaultKind::lost);
  EXPECT_EQ(topology.faults.faults[0].devices.size(), 4U);
  EXPECT_EQ(topology.faults.faults[0].at, Duration(std::chrono::seconds(10)));
  EXPECT_EQ(topology.faults.faults[1].probability, 0.001);
  EXPECT_TRUE(topology.faults.faults[1].devices.empty());
}

TEST(Topology, TheShippedFilesAreGood) {
  const std::map<std::string, std::size_t> devices = {
      {"one-card", 1}, {"four-cards-two-boards", 4}, {"four-chip-board", 4}, {"sixty-four-cards", 64}, {"mixed-speed", 3}};
  std::size_t seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(source / "examples/topologies")) {
    const auto topology = read_topology(file.path(), 2);
    ASSERT_TRUE(topology) << topology.error().to_string();
    ASSERT_TRUE(devices.contains(file.path().stem())) << file.path();
    EXPECT_EQ(topology->devices.size(), devices.at(file.path().stem())) << file.path();
    ++seen;
  }
  EXPECT_EQ(seen, devices.size());
}

TEST(Topology, NamesTheOriginInDescriptions) { EXPECT_EQ(good("[[board]]\nname = 'a'").devices[0].description.origin, "topology t.toml"); }

TEST(Topology, SettingsAreInherited) {
  const auto topology = good(R"(
[defaults]
cores = 2
memory = 1048576
[[board]]
name = "b"
cores = 3
[[board.device]]
name = "x"
[[board.device]]
name = "y"
cores = 5
clocks = [800, 100]
)");
  EXPECT_EQ(topology.devices[0].description.core_count, 3U);
  EXPECT_EQ(topology.devices[1].description.core_count, 5U);
  EXPECT_EQ(topology.devices[1].description.memory_bytes, 1048576U);
  EXPECT_EQ(topology.devices[1].description.clocks_mhz, (std::vector<unsigned>{100, 800}));
  EXPECT_EQ(topology.devices[1].description.board, "b");
}

TEST(Topology, EveryKindOfFaultIsRead) {
  for (int kind = 0; kind <= static_cast<int>(faulty::FaultKind::answers_after_abandon); ++kind) {
    const auto name = std::string(faulty::fault_name(static_cast<faulty::FaultKind>(kind)));
    const auto topology = good("[[board]]\nname='a'\n[[board.fault]]\nkind = '" + name + "'\nat_job = 3");
    ASSERT_EQ(topology.faults.faults.size(), 1U);
    EXPECT_EQ(topology.faults.faults[0].kind, static_cast<faulty::FaultKind>(kind)) << name;
    EXPECT_EQ(topology.faults.faults[0].at_job, 3U);
  }
}

TEST(Topology, FaultConditionsAreRead) {
  const auto fault =
      good("[[board]]\nname='a'\n[[board.fault]]\nkind='hang'\nat=0.5\njobs=2\ninput_starts_with='dEad'\nholds=1\nlasts=2").faults.faults.at(0);
  EXPECT_EQ(fault.at, Duration(std::chrono::milliseconds(500)));
  EXPECT_EQ(fault.jobs, 2U);
  EXPECT_EQ(fault.input_starts_with, (std::vector<std::byte>{std::byte{0xde}, std::byte{0xad}}));
  EXPECT_EQ(fault.holds, Duration(std::chrono::seconds(1)));
  EXPECT_EQ(fault.lasts, Duration(std::chrono::seconds(2)));
  EXPECT_EQ(fault.devices, std::vector<std::string>{"a"});
}

/// What is wrong, the line it stands on, the key, what was found, and a part of what is allowed.
struct Bad {
  const char* text;
  const char* line;
  const char* key;
  const char* found;
  const char* allowed;
};

void PrintTo(const Bad& bad, std::ostream* stream) { *stream << bad.key << ": " << bad.found; }

class TopologyRefusal : public ::testing::TestWithParam<Bad> {};

TEST_P(TopologyRefusal, NamesLineKeyFoundAndAllowed) {
  const auto& bad = GetParam();
  const auto text = complaint(bad.text);
  EXPECT_NE(text.find("topology t.toml, line " + std::string(bad.line) + ","), std::string::npos) << text;
  EXPECT_NE(text.find("key \"" + std::string(bad.key) + "\""), std::string::npos) << text;
  EXPECT_NE(text.find(bad.found), std::string::npos) << text;
  EXPECT_NE(text.find(bad.allowed), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    Each, TopologyRefusal,
    ::testing::Values(
        Bad{"[[board]]\nname='a'\ncores = 0", "3", "board[0].cores", "0 was found", "1 to 64"},
        Bad{"[[board]]\nname='a'\ncores = 65", "3", "board[0].cores", "65 was found", "1 to 64"},
        Bad{"[[board]]\nname='a'\ncores = 'four'", "3", "board[0].cores", "\"four\" was found", "an integer"},
        Bad{"[[board]]\nname='a'\ncoers = 4", "3", "board[0].coers", "an unknown key", "cores"},
        Bad{"speed = 4\n[[board]]\nname='a'", "1", "speed", "an unknown key", "board"},
        Bad{"[[board]]\ncores=1", "1", "board[0].name", "nothing was found", "a name"},
        Bad{"[[board]]\nname=3", "2", "board[0].name", "3 was found", "a text"},
        Bad{"[[board]]\nname='a/b'", "2", "board[0].name", "\"a/b\"", "letters"},
        Bad{"[[board]]\nname='..'", "2", "board[0].name", "\"..\"", "no dot in front"},
        Bad{"[[board]]\nname='a:1'\n[[board]]\nname='a-1'", "4", "board[1].name", "a second time", "equal"},
        Bad{"[[board]]\nname='b'\n[[board.device]]\nname='x'\n[[board.device]]\nname='x'", "6", "board[0].device[1].name", "a second time",
            "no other"},
        Bad{"[[board]]\nname='a'\nmemory='4 giga'", "3", "board[0].memory", "4 giga", "1 MiB"},
        Bad{"[[board]]\nname='a'\nmemory=1000", "3", "board[0].memory", "1000", "1 MiB"},
        Bad{"[[board]]\nname='a'\nmemory='2000 GiB'", "3", "board[0].memory", "2000 GiB", "1024 GiB"},
        Bad{"[[board]]\nname='a'\ncompute='gpu'", "3", "board[0].compute", "\"gpu\"", "openvino"},
        Bad{"[[board]]\nname='a'\ntiming='card'", "3", "board[0].timing", "\"card\"", "fps"},
        Bad{"[[board]]\nname='a'\ntiming={}", "3", "board[0].timing.fps", "nothing", "frames a second"},
        Bad{"[[board]]\nname='a'\ntiming={fps=0}", "3", "board[0].timing.fps", "0 was found", "0.001"},
        Bad{"[[board]]\nname='a'\ntiming={fps=nan}", "3", "board[0].timing.fps", "nan was found", "0.001"},
        Bad{"[[board]]\nname='a'\ntiming={fps=1,fsp=2}", "3", "board[0].timing.fsp", "an unknown key", "fps"},
        Bad{"[[board]]\nname='a'\nconfigure_s=-1", "3", "board[0].configure_s", "-1 was found", "0 to 3600"},
        Bad{"[[board]]\nname='a'\nconfigure_s='long'", "3", "board[0].configure_s", "\"long\" was found", "a number"},
        Bad{"[[board]]\nname='a'\ntype='usb'", "3", "board[0].type", "\"usb\"", "pcie"},
        Bad{"[[board]]\nname='a'\nclocks=[]", "3", "board[0].clocks", "a list of 0", "at least one"},
        Bad{"[[board]]\nname='a'\nclocks=[100,100]", "3", "board[0].clocks", "100 twice", "different"},
        Bad{"[[board]]\nname='a'\ncpus=[2]", "3", "board[0].cpus", "2 was found", "0 to 1"},
        Bad{"[[board]]\nname='a'\ncpus=0", "3", "board[0].cpus", "0 was found", "a list"},
        Bad{"[[board]]\nname='a{}'\ncount=65", "3", "board[0].count", "65", "1 to 64"},
        Bad{"[[board]]\nname='a'\ncount=2", "2", "board[0].name", "\"a\"", "{}"},
        Bad{"[[board]]\nname='a{}'\ncount=64\n[[board]]\nname='b'", "5", "board[1].name", "one more device", "at most 64"},
        Bad{"board=3", "1", "board", "3 was found", "tables [[board]]"}, Bad{"seed=-1\n[[board]]\nname='a'", "1", "seed", "-1", "0 to"},
        Bad{"defaults=1\n[[board]]\nname='a'", "1", "defaults", "1 was found", "a table"},
        Bad{"[[board]]\nname='a'\n[[board.fault]]\nat=1", "3", "board[0].fault[0].kind", "nothing", "a kind"},
        Bad{"[[board]]\nname='a'\n[[board.fault]]\nkind='explodes'", "4", "board[0].fault[0].kind", "\"explodes\"", "lost"},
        Bad{"[[board]]\nname='a'\n[[board.fault]]\nkind='error'\nprobability=1.5", "5", "board[0].fault[0].probability", "1.5", "0 to 1"},
        Bad{"[[board]]\nname='a'\n[[board.fault]]\nkind='error'\ninput_starts_with='xyz'", "5", "board[0].fault[0].input_starts_with", "xyz", "hex"},
        Bad{"[[board]]\nname='a'\n[[fault]]\nkind='slow'\nfactor=0.5", "5", "fault[0].factor", "0.5", "1 to"},
        Bad{"[[board]]\nname='a'\n[[fault]]\nkind='flapping'\nlasts=2", "5", "fault[0].lasts", "as long as", "less than"},
        Bad{"[[board]]\nname='a'\n[[fault]]\nkind='hang'\nfactor=2", "5", "fault[0].factor", "a key that \"hang\" does not use", "\"slow\""},
        Bad{"[[board]]\nname='a'\n[[fault]]\nkind='slow'\nevery=2", "5", "fault[0].every", "a key that \"slow\" does not use", "\"flapping\""},
        Bad{"[[board]]\nname='a'\n[[fault]]\nkind='lost'\nholds=2", "5", "fault[0].holds", "a key that \"lost\" does not use", "\"timeout\""}));

TEST(Topology, WhatIsNoTomlIsNamedWithItsLine) {
  EXPECT_NE(complaint("[[board]]\nname = = 3").find("t.toml, line 2: not TOML"), std::string::npos) << complaint("[[board]]\nname = = 3");
  EXPECT_NE(complaint("").find("at least one table [[board]]"), std::string::npos);
}

TEST(Topology, AFileThatIsNotThereIsNamed) {
  const auto topology = read_topology("/no/such/file.toml", 2);
  ASSERT_FALSE(topology);
  EXPECT_NE(topology.error().to_string().find("/no/such/file.toml does not exist"), std::string::npos);
}

TEST(Topology, TheEnvironmentNamesAFile) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "t.toml";
  std::ofstream(file) << "[[board]]\nname = 'from-environment'\n";
  ::setenv("POLYMETIS_TOPOLOGY", file.c_str(), 1);
  const auto topology = find_topology("", 2);
  const auto asked = find_topology(source / "examples/topologies/mixed-speed.toml", 2);
  ::unsetenv("POLYMETIS_TOPOLOGY");
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->devices.at(0).description.name, "from-environment");
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->devices.size(), 3U);
  EXPECT_EQ(find_topology("", 2)->devices.size(), 2U);
}

}  // namespace

}  // namespace polymetis::virtual_card
