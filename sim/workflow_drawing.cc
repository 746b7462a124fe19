// SPDX-License-Identifier: Apache-2.0
#include "sim/workflow_drawing.h"

#include <fmt/format.h>

#include "sim/http_service.h"
#include "workflow/json.h"

namespace holdfast::sim {
namespace {

using Json = workflow::Json;

class Drawing {
 public:
  explicit Drawing(Random& random) : random_(random), strong_only_(random.percent(30)) {}

  Workflow draw() {
    drawn_.name = fmt::format("flow{}", random_.below(workflow_names));
    Json whole{{"name", drawn_.name}, {"steps", Json::array()}};
    if (random_.percent(15)) {
      drawn_.has_deadline = true;
      whole["deadline"] = duration(300, 10'000);
    }
    for (std::uint64_t stages = random_.between(1, 4); stages > 0; --stages) {
      Json group = Json::array();
      for (std::uint64_t n = random_.percent(25) ? random_.between(2, 3) : 1; n > 0; --n) {
        if (drawn_.steps.size() < workflow_steps_drawn_max) group.push_back(step());
      }
      if (group.empty()) break;
      whole["steps"].push_back(group.size() == 1 ? group[0] : Json{{"together", group}});
    }
    drawn_.json = workflow::write_json(whole);
    return std::move(drawn_);
  }

 private:
  std::string duration(std::uint64_t least, std::uint64_t most) {
    return fmt::format("{}ms", random_.between(least, most));
  }

  std::string draw_place() {
    const auto dice = random_.below(100);
    if (strong_only_ || dice < 50) return random_.percent(70) ? "s" : "w";
    if (dice < 53) return "x";
    if (dice < 75) return random_.percent(60) ? "e" : "f";
    return "http";
  }

  Json step() {
    Workflow::Step planned;
    const std::size_t index = drawn_.steps.size();
    Json step;
    const auto dice = random_.below(100);
    if (dice < 6) {
      step["wait"] = {{"for", duration(10, 3'000)}};
    } else if (dice < 14) {
      planned.signal = fmt::format("go{}", index);
      step["wait"] = {{"signal", planned.signal}};
      planned.may_time_out = random_.percent(50);
      if (planned.may_time_out) step["wait"]["for"] = duration(300, 8'000);
    } else {
      planned.place = draw_place();
      step = call(planned.place, index, false);
      if (random_.percent(80)) {
        planned.undo_place = random_.percent(85) ? planned.place : draw_place();
        step["undo"] = call(planned.undo_place, index, true);
      }
    }
    step["name"] = fmt::format("s{}", index);
    if (random_.percent(15)) {
      planned.conditional = true;
      step["if"] = {{"equal", {{{"from", "/input/x"}}, 1}}};
    }
    drawn_.steps.push_back(planned);
    return step;
  }

  Json call(const std::string& place, std::size_t step, bool undo) {
    const std::string name = fmt::format("{}{}", undo ? 'u' : 's', step);
    const Json fate{{"from", "/input/fates/" + name}, {"else", "ok"}};
    const Json run{{"from", "/run/id"}};
    Json call;
    if (place == "http") {
      const std::string url = fmt::format("http://{}/{}", HttpService::host, name);
      const std::string of = fmt::format("s{}", step);
      call["http"] = {{"url", url},
                      {"body", {{"run", run}, {"step", of}, {"undo", undo}, {"fate", fate}}}};
      call["timeout"] = duration(100, 2'000);
    } else {
      call["call"] = place + ".flow";
      call["keys"] = {{{"text", {effects_key(place, ""), run}}}};
      if (place == "s" || place == "w") call["keys"].push_back(gate_key(place));
      call["args"] = {std::to_string(std::uint64_t{1} << effect_shift(step, undo)), fate};
      if (step > 0 && random_.percent(20))
        call["args"].push_back({{"from", fmt::format("/steps/s{}", step - 1)}, {"else", 0}});
    }
    if (random_.percent(90)) {
      const std::uint64_t first = random_.between(10, 400);
      call["retry"] = {{"attempts", undo ? random_.between(3, 12) : random_.between(1, 8)},
                       {"first", fmt::format("{}ms", first)},
                       {"longest", duration(first, 3'000)},
                       {"factor", random_.between(1, 3)}};
    }
    return call;
  }

  Random& random_;
  bool strong_only_;
  Workflow drawn_;
};

}  // namespace

std::string effects_key(const std::string& place, const std::string& run) {
  return place + ":run-" + run;
}

std::string gate_key(const std::string& place) {
  return place + ":gate";
}

Workflow draw_workflow(Random& random) {
  return Drawing(random).draw();
}

}  // namespace holdfast::sim
