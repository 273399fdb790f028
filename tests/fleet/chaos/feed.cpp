#include "feed.hpp"

namespace polymetis::testing {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_futures = 8;

}  // namespace

Feed::Feed(Fleet fleet, const Scene& scene, const std::vector<std::shared_ptr<const Model>>& models, Digest& digest, FirstWrong& wrong)
    : fleet_(std::move(fleet)), scene_(scene), models_(models), digest_(digest), wrong_(wrong) {
  for (const DeviceHealth& card : fleet_.health()) cards_.push_back(card.name);
}

void Feed::open(const StreamPlan& plan) {
  auto stream = fleet_.open_stream(models_[plan.model], plan.options);
  if (!stream) return;  // a second model finds no core where every card has one
  sources_.push_back(std::make_unique<Source>(*stream, plan.options, adds[plan.model], scene_));
}

void Feed::submit(unsigned stream, unsigned count) {
  Source* const source = find(stream);
  if (source == nullptr || source->closed) return;
  for (unsigned i = 0; i < count && submit_one(*source); ++i) {
  }
}

bool Feed::submit_one(Source& source) {
  Expected<Slot> slot = source.stream.try_slot();
  if (!slot) return false;
  const Row bytes = source.input();
  std::memcpy(slot->inputs()[0].data(), bytes.data(), bytes.size());
  const auto number = source.stream.try_submit(*slot);
  if (!number && number.error().code() == Code::pending) return false;
  if (!number) return wrong_.note("submit: " + number.error().to_string()), false;
  if (*number != source.accepted) wrong_.note(fmt::format("frame {} of {} was given the number {}", source.accepted, source.stream.name(), *number));
  ++source.accepted;
  ++accepted_;
  return wrong_.none();
}

/// On a stream of its own, whose frames come through futures only.
void Feed::submit_future(unsigned like) {
  const Source* const source = find(like);
  if (source == nullptr || source->closed || futures_.size() >= most_futures) return;
  if (!future_source_) {
    const StreamOptions options{.name = "futures", .overload = Overload::drop_oldest, .queue_frames = 8};
    const std::shared_ptr<const Model> model = source->stream.model();
    future_source_ = std::make_unique<Source>(value_of(fleet_.open_stream(model, options)), options, adds[model == models_[0] ? 0 : 1], scene_);
  }
  const Row bytes = future_source_->input();
  const std::span<const std::byte> input(bytes);
  auto future = future_source_->stream.submit_future(std::span(&input, 1));
  if (!future) return wrong_.note("submit_future: " + future.error().to_string());
  ++future_source_->accepted;
  ++accepted_;
  futures_.push_back(std::move(*future));
}

void Feed::cancel(unsigned stream) {
  if (Source* const source = find(stream)) source->stream.cancel();
}

void Feed::close(unsigned stream) {
  Source* const source = find(stream);
  if (source == nullptr) return;
  take(*source);
  source->stream.close();
  source->closed = true;
}

void Feed::take_all() {
  for (auto& source : sources_) take(*source);
  while (!futures_.empty() && futures_.front().wait_for(0s) == std::future_status::ready) {
    const Result result = futures_.front().get();
    futures_.erase(futures_.begin());
    if (std::string wrong = future_source_->check_content(result, card_of(result)); !wrong.empty()) wrong_.note(wrong);
  }
}

void Feed::take(Source& source) {
  std::vector<Result> results;
  while (source.stream.take(results, 64) > 0) {
    for (Result& result : results) {
      digest_.add(result);
      const std::string card = card_of(result);
      if (std::string wrong = source.check(std::move(result), card); !wrong.empty()) wrong_.note(wrong);
    }
    results.clear();
  }
}

void Feed::finish() {
  for (auto& source : sources_)
    if (!source->closed) source->stream.finish();
}

void Feed::check_all_answered() {
  for (auto& source : sources_) {
    take(*source);
    if (!source->closed && source->answered != source->accepted)
      wrong_.note(fmt::format("{}: {} frames were accepted, {} answered", source->stream.name(), source->accepted, source->answered));
    if (std::string wrong = source->let_go(); !wrong.empty()) wrong_.note(wrong);
  }
  take_all();
  if (!futures_.empty()) wrong_.note("a future was never answered");
}

bool Feed::answered() const {
  for (const auto& source : sources_)
    if (!source->closed && source->answered < source->accepted) return false;
  return futures_.empty();
}

Source* Feed::find(unsigned stream) {
  const std::string name = fmt::format("stream {}", stream);
  for (auto& source : sources_)
    if (source->options.name == name) return source.get();
  return nullptr;
}

}  // namespace polymetis::testing
