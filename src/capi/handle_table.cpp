#include "capi/handle_table.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace polymetis::capi {
namespace {

// A handle from its low bits up: 4 zero, 20 place, 24 generation, 8 process, 8 mark. The mark makes it no address of user space.
constexpr unsigned place_shift = 4;
constexpr unsigned generation_shift = 24;
constexpr unsigned process_shift = 48;
constexpr unsigned mark_shift = 56;
constexpr std::uintptr_t place_mask = (1U << 20U) - 1;
constexpr std::uintptr_t generation_mask = (1U << 24U) - 1;
constexpr std::uintptr_t process_mask = 0xff;
constexpr std::uintptr_t mark = 0x5c;
static_assert(sizeof(void*) == 8, "a handle needs a pointer of 64 bits");

std::uintptr_t bits(Handle handle) noexcept { return static_cast<std::uintptr_t>(handle); }
std::size_t place_of(Handle handle) noexcept { return (bits(handle) >> place_shift) & place_mask; }
std::uint32_t generation_of(Handle handle) noexcept { return static_cast<std::uint32_t>((bits(handle) >> generation_shift) & generation_mask); }
unsigned process_of(Handle handle) noexcept { return static_cast<unsigned>((bits(handle) >> process_shift) & process_mask); }
bool is_marked(Handle handle) noexcept { return bits(handle) >> mark_shift == mark && (bits(handle) & 0xf) == 0 && generation_of(handle) != 0; }

std::atomic<unsigned> process_number{0};
std::atomic<HandleTable*> table{nullptr};
HandleTable* table_before_fork = nullptr;
std::mutex making;

// Between fork and exec only this thread is there, and `making` is held, so plain stores do.
void in_child() {
  table_before_fork = table.exchange(nullptr, std::memory_order_relaxed);
  process_number.fetch_add(1, std::memory_order_relaxed);
  making.unlock();
}

Unexpected wrong(const char* what) { return failure(Code::invalid_argument, what); }

}  // namespace

HandleTable& HandleTable::current() {
  if (HandleTable* made = table.load(std::memory_order_acquire)) return *made;
  std::lock_guard lock(making);
  static const int hooked = pthread_atfork([] { making.lock(); }, [] { making.unlock(); }, in_child);
  static_cast<void>(hooked);
  if (table.load(std::memory_order_relaxed) == nullptr) {
    table.store(new HandleTable(process_number.load() & process_mask, table_before_fork), std::memory_order_release);
  }
  return *table.load(std::memory_order_relaxed);
}

HandleTable::Slot& HandleTable::slot_at(std::size_t index) const noexcept {
  return (*chunks_[index / chunk_slots].load(std::memory_order_acquire))[index % chunk_slots];
}

HandleTable::Slot* HandleTable::slot_of(Handle handle) const noexcept {
  if (!is_marked(handle) || process_of(handle) != process_) return nullptr;
  const std::size_t index = place_of(handle);
  Chunk* chunk = chunks_[index / chunk_slots].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : &(*chunk)[index % chunk_slots];
}

Handle HandleTable::make_handle(std::size_t index, std::uint32_t generation) const noexcept {
  return static_cast<Handle>(mark << mark_shift | static_cast<std::uintptr_t>(process_) << process_shift |
                             static_cast<std::uintptr_t>(generation) << generation_shift | index << place_shift);
}

Expected<std::size_t> HandleTable::take_place() {
  if (!free_.empty()) {
    const std::size_t index = free_.front();
    free_.pop_front();
    return index;
  }
  if (places_ == chunk_count * chunk_slots) return failure(Code::runtime_error, "more than 1048576 objects are alive; destroy some with axr_destroy");
  if (places_ % chunk_slots == 0) chunks_[places_ / chunk_slots].store(new Chunk, std::memory_order_release);
  return places_++;
}

Expected<Handle> HandleTable::insert(std::shared_ptr<Object> object, Handle parent) {
  std::lock_guard lock(tree_mutex_);
  const Handle root = parent == Handle::none ? Handle::none : root_of(parent);
  if (parent != Handle::none && !is_live(parent)) return wrong("what it belongs to was destroyed by another thread meanwhile");
  auto index = take_place();
  if (!index) return Unexpected(index.error());
  Slot& slot = slot_at(*index);
  std::lock_guard slot_lock(slot.mutex);
  const Handle handle = make_handle(*index, ++slot.generation);
  slot.parent = parent;
  slot.root = root == Handle::none ? handle : root;
  slot.object = std::move(object);
  return handle;
}

bool HandleTable::is_live(Handle handle) {
  Slot* slot = slot_of(handle);
  if (slot == nullptr) return false;
  std::lock_guard lock(slot->mutex);
  return slot->generation == generation_of(handle) && slot->object != nullptr;
}

Expected<std::shared_ptr<Object>> HandleTable::find(Handle handle) {
  if (handle == Handle::none) return wrong("NULL was given");
  if (!is_marked(handle)) return wrong("a pointer was given that no axr call returned");
  if (process_of(handle) != process_) return wrong("an object was given that was made before fork; make a new context in the child");
  Slot* slot = slot_of(handle);
  if (slot == nullptr) return wrong("a pointer was given that no axr call returned");
  std::lock_guard lock(slot->mutex);
  if (slot->generation != generation_of(handle) || slot->object == nullptr) return wrong("an object was given that has been destroyed");
  return slot->object;
}

Handle HandleTable::root_of(Handle handle) {
  Slot* slot = slot_of(handle);
  if (slot == nullptr) return Handle::none;
  std::lock_guard lock(slot->mutex);
  return slot->generation == generation_of(handle) ? slot->root : Handle::none;
}

std::shared_ptr<Object> HandleTable::take_out(std::size_t index, Slot& slot) {
  if (slot.generation < generation_mask) free_.push_back(index);  // else the place is used up
  return std::exchange(slot.object, nullptr);
}

Status HandleTable::end(Handle handle) {
  std::vector<std::shared_ptr<Object>> ended;
  {
    std::lock_guard lock(tree_mutex_);
    auto found = find(handle);
    if (!found) return found.error();
    for (std::size_t index = 0; index < places_; ++index) {
      Slot& slot = slot_at(index);
      std::lock_guard slot_lock(slot.mutex);
      const bool below = slot.parent == handle || slot.root == handle || make_handle(index, slot.generation) == handle;
      if (slot.object != nullptr && below) ended.push_back(take_out(index, slot));
    }
  }
  // Owners first: they tell all that they own before they wait for any of it.
  std::stable_sort(ended.begin(), ended.end(), [](const auto& a, const auto& b) { return a->kind() < b->kind(); });
  for (const auto& object : ended) object->end();
  return {};
}

}  // namespace polymetis::capi
