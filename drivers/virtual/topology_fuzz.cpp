// Topology files: any bytes give virtual cards that keep the limits, or a short sentence.

#include <array>
#include <cstdlib>

#include "base/fuzz_seeds.hpp"
#include "virtual/topology.hpp"

using namespace polymetis;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const virtual_card::Topology& topology) {
  require(!topology.devices.empty() && topology.devices.size() <= virtual_card::most_devices);
  for (const auto& device : topology.devices) {
    const DeviceDescription& card = device.description;
    require(!card.name.empty() && card.name.size() <= 200 && card.reality == Reality::simulated);
    require(card.core_count >= 1 && card.core_count <= virtual_card::most_cores && !card.clocks_mhz.empty());
    require(card.behaviour.size() < 1000 && !card.behaviour.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const std::array<std::string, 4> seeds = {
      "seed = 7\n[defaults]\ncores = 2\n[[board]]\nname = 'a{}'\ncount = 3\ntiming = { fps = 486 }\n",
      "[[board]]\nname = \"b\"\n[[board.device]]\nname = 'x'\nclocks = [100, 800]\n[[board.device.fault]]\nkind = 'hang'\nat = 0.5\n",
      "board = [{ name = 'c', cpus = [0], memory = '4 GiB', timing.fps = 1.5 }]\nfault = [{ kind = 'lost', lasts = 2 }]",
      "k.k.k.\"k\\\"\".'k' = '''\n#''' # k\n[k.k]\n",
  };
  base::write_fuzz_seeds(seeds);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto topology = virtual_card::parse_topology({reinterpret_cast<const char*>(data), size}, "t.toml", 2);
  if (topology) {
    check(*topology);
  } else {
    require(topology.error().code() == Code::invalid_configuration && topology.error().message().size() < 1000);
  }
  return 0;
}
