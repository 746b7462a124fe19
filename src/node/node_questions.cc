// SPDX-License-Identifier: Apache-2.0
// What nodes ask one another about keys.
#include "node/node.h"

#include "eventual/saying.h"

namespace holdfast::node {

std::vector<std::string> Node::other_nodes() const {
  std::vector<std::string> others;
  if (!mesh_) return others;
  for (const auto& [name, holding] : mesh_->replication().holdings().all()) {
    if (name != options_.node) others.push_back(name);
  }
  return others;
}

Status Node::ask_others(const KeyspaceState& state, std::string_view key, ServiceId caller,
                        const std::vector<std::string>& others, AnswerWith answer) {
  HF_ASSERT(running_.has_value());
  const Ticket ticket = *running_;
  const auto ask = [this](const std::string& node, const mesh::Question& question) {
    return mesh_->ask(node, question);
  };
  const auto done = [this, ticket, id = state.id, caller,
                     answer = std::move(answer)](const std::vector<Inquiries::Said>& said) {
    std::string text;
    Reply reply(text);
    KeyspaceState* const now = keyspaces_->find(id);
    const Keyspace* const keyspace = now == nullptr ? nullptr : catalog_.find(id);
    if (keyspace == nullptr) {
      reply.error(keyspace_dropped());
    } else if (!keyspaces_->may_use(*keyspace, caller)) {
      reply.error(owner_changed());
    } else {
      answer(said, reply);
      if (!eventual_->shown(now->durable, ticket, requests_->monotonic(), reply)) return;
    }
    replies_->complete(ticket, text, Replay::none);
  };
  Status asked =
      inquiries_.ask(state.id, std::string(key), others, requests_->monotonic(), ask, done);
  if (asked) defer();
  return asked;
}

void Node::asked(const mesh::Question& question, const mesh::Mesh::Respond& respond) {
  mesh::Answer answer{.number = question.number, .refused = {}, .says = {}};
  KeyspaceState* const state = keyspaces_->find(question.keyspace);
  if (const Status ready = eventual_ready(); !ready) {
    answer.refused = ready.error().message;
  } else if (state == nullptr || state->guarantee != Guarantee::eventual) {
    answer.refused = "it has not heard of the keyspace";
  }
  if (!answer.refused.empty()) return respond(answer);
  answer.says = eventual::say(state->table, question.key, eventual_time());
  // Held back as a client's read is while the disk does not have what it shows.
  const auto done = [answer, respond](std::string_view reply) mutable {
    if (reply.starts_with('-')) {
      answer.refused = "its disk does not answer";
      answer.says = {};
    }
    respond(answer);
  };
  const Ticket ticket = replies_->own(done);
  std::string text;
  Reply reply(text);
  reply.ok();
  if (eventual_->shown(state->durable, ticket, requests_->monotonic(), reply))
    replies_->complete(ticket, text, Replay::none);
}

void Node::answer_questions() {
  mesh_->mesh().set_questions(
      {.asked = [this](const mesh::Question& question,
                       const mesh::Mesh::Respond& respond) { asked(question, respond); },
       .answered = [this](const std::string& node,
                          const mesh::Answer& answer) { inquiries_.answered(node, answer); }});
}

}  // namespace holdfast::node
