#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// What the benchmark programs share: figures with goals, printed as JSON; ratios as medians over interleaved pairs.
namespace bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

inline constexpr double slice_s = 0.4;
inline constexpr int pairs = 12;

enum class Goal { at_least, at_most, none };

class Figures {
 public:
  void add(const std::string& name, double value, const std::string& unit, Goal goal, double bound, std::size_t samples) {
    nlohmann::json figure{{"name", name}, {"value", value}, {"unit", unit}, {"goal", nullptr}, {"met", nullptr}, {"samples", samples}};
    if (goal != Goal::none) {
      figure["goal"] = (goal == Goal::at_least ? ">= " : "<= ") + nlohmann::json(bound).dump();
      figure["met"] = goal == Goal::at_least ? value >= bound : value <= bound;
    }
    list_.push_back(std::move(figure));
  }
  [[nodiscard]] std::string json() const { return list_.dump(1); }

 private:
  nlohmann::json list_ = nlohmann::json::array();
};

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The median over interleaved pairs of slices of rate a / rate b; each call runs for about so many seconds and answers its rate.
inline double median_ratio(const std::function<double(double)>& a, const std::function<double(double)>& b) {
  std::vector<double> ratios;
  a(0.1);
  b(0.1);
  for (int i = 0; i < pairs; ++i) {
    const double first = i % 2 == 0 ? a(slice_s) : 0;
    const double second = b(slice_s);
    ratios.push_back((i % 2 == 0 ? first : a(slice_s)) / second);
  }
  return median(ratios);
}

inline double median_of(const std::function<double(double)>& measure, int times = pairs) {
  std::vector<double> values;
  measure(0.1);
  for (int i = 0; i < times; ++i) values.push_back(measure(slice_s));
  return median(values);
}

inline double since(Clock::time_point begin) { return Seconds(Clock::now() - begin).count(); }

}  // namespace bench
