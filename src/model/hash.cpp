#include "model/hash.hpp"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace polymetis::model {

struct Xxh3::State {
  XXH3_state_t inner;
};

Xxh3::Xxh3() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->inner); }
Xxh3::~Xxh3() = default;

void Xxh3::add(const void* data, std::size_t size_bytes) noexcept { XXH3_128bits_update(&state_->inner, data, size_bytes); }

std::string Xxh3::hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(&state_->inner);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace polymetis::model
