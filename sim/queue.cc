// SPDX-License-Identifier: Apache-2.0
#include "sim/queue.h"

namespace holdfast::sim {
namespace {

const std::string key = "s:queue";
const std::string other_key = "s:queue2";

}  // namespace

// All with request ids, so that each is sent again and again where no answer comes.
Call Queue::next() {
  Call call;
  if (random_.percent(55)) {
    call.id = "job" + std::to_string(++pushed_);
    call.commands = {{random_.percent(50) ? "LPUSH" : "RPUSH",
                      random_.percent(70) ? key : other_key, std::to_string(pushed_)}};
    return call;
  }
  call.id = "take" + std::to_string(++asked_);
  const std::string time = random_.percent(50) ? "0.2" : "2";
  switch (random_.below(4)) {
    case 0:
      call.commands = {{"LPOP", key}};
      break;
    case 1:
      call.commands = {{"BLMPOP", time, "2", key, other_key, "LEFT"}};
      break;
    default:
      call.commands = {{random_.percent(50) ? "BLPOP" : "BRPOP", key, other_key, time}};
  }
  return call;
}

std::string Queue::heard(const Call& call, const verify::Answer& answer) {
  if (!call.id.starts_with("take")) return {};
  const verify::Answer* job = &answer;
  // LPOP answers the job, BLPOP a key and the job, BLMPOP a key and an array of jobs.
  while (job->kind == verify::Answer::Kind::array && !job->items.empty()) job = &job->items.back();
  const bool is_job = job->kind == verify::Answer::Kind::text;
  if (!is_job && job->kind != verify::Answer::Kind::nil) return {};  // an error tells nothing
  const std::string text = is_job ? job->text : "nothing";
  const auto [told, first] = given_.try_emplace(call.id, text);
  if (!first && told->second != text)
    return call.id + " was given " + told->second + ", and later " + text;
  if (!is_job) return {};
  const auto [taker, is_new] = takers_.try_emplace(text, call.id);
  if (!is_new && taker->second != call.id)
    return "job " + text + " was given to " + taker->second + " and to " + call.id;
  return {};
}

}  // namespace holdfast::sim
