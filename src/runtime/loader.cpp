#include "runtime/loader.hpp"

#include <charconv>
#include <functional>
#include <utility>

#include "base/try.hpp"
#include "device/admission.hpp"
#include "runtime/devices.hpp"

namespace polymetis::runtime {
namespace {

/// The first 64 bits of "xxh3-128:<hex>", as a number that tells models apart; never 0, which means none.
std::uint64_t hash_of(const Model& model) {
  const std::string& text = model.content_hash;
  const std::size_t colon = text.find(':');
  const std::size_t start = colon == std::string::npos ? 0 : colon + 1;
  std::uint64_t hash = 0;
  std::from_chars(text.data() + start, text.data() + std::min(text.size(), start + 16), hash, 16);
  return hash != 0 ? hash : std::hash<std::string>()(model.name + text) | 1;
}

/// Let go in this order: the cores, then the device.
struct Lease {
  std::shared_ptr<OpenDevice> device;
  std::shared_ptr<void> cores;
};

}  // namespace

std::uint64_t memory_bytes_of(const Model& model, std::size_t rows) noexcept {
  return std::uint64_t{model.weight_bytes} + std::uint64_t{model.activation_bytes} * rows;
}

Expected<std::unique_ptr<device::Instance>> load_on(const std::shared_ptr<OpenDevice>& device, const LoadRequest& request) {
  const base::MutexLock lock(one_at_a_time());
  const Model& model = *request.model;
  const device::Demand demand{model.name, hash_of(model), request.cores, memory_bytes_of(model, request.rows)};
  auto meter = TRY(device::admit(device->description(), device->reservations(), device->page(), demand));
  auto inner = TRY(device->load(request.model, {.cores = request.cores}));
  auto lease = std::make_shared<Lease>(Lease{device, request.lease});
  return std::make_unique<device::Instance>(std::move(inner), device->host(), std::move(meter), std::move(lease));
}

}  // namespace polymetis::runtime
