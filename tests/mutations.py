#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the tests: bugs that are planted in a copy of the sources, one at a time, must be caught.

    mutations.py [--tree build/mutations] [--only NAME …] [--results FILE] [--table]

Each bug is built (with what uses it) and given first to the unit tests of its folder, then to the simulator.
One that nobody catches is a hole in the tests: the exit code is 1. --table prints docs/mutations.md's table
from the results.
"""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIM_RUNS = 3000
SIM_SECONDS = 240

# name, file, the text and what it becomes, what that breaks, whose unit tests may see it, and for what is rare the
# simulator's flags.
MUTATIONS = [
    # Order and the strong log
    ("copies-of-entries", "src/strong/appenders.cc", "name.counter > found->second.counter",
     "name.counter >= found->second.counter", "an entry that landed twice is applied twice", "strong"),
    ("stale-reads", "src/strong/sequencer.cc", "if (*end <= s.machine.applied() && (!behind || nothing_before)) {",
     "if (!behind || nothing_before) {", "a read does not wait for what was acknowledged before it", "strong"),
    ("joined-question", "src/strong/sequencer.cc", "read.barrier = Barrier::unasked;", "read.barrier = Barrier::asked;",
     "a read takes the answer to a question that was asked before it began", "strong"),
    ("timeout-says-no", "src/strong/sequencer.cc", 'answer(entry, late, {Code::unknown, "the log did not answer in time"});',
     'answer(entry, late, {Code::unavailable, "the log did not answer in time"});',
     "a write that may have landed is said not to have", "strong"),
    ("given-up-says-no", "src/log/etcd/appends.cc", "if (perhaps && sent(own)) error.code = Code::unknown;",
     "if (perhaps && sent(own)) error.code = Code::unavailable;",
     "an append that may yet land is said not to have", "log_etcd"),
    ("forgets-perhaps", "src/log/etcd/appends.cc", "      own.perhaps = true;\n", "",
     "a try without an answer is taken for one that did not land", "log_etcd"),
    ("watch-gaps", "src/log/etcd/follow.cc", "if (whole && *first->second.ordinal == ordinal_ + 1) {",
     "if (whole && *first->second.ordinal >= ordinal_ + 1) {", "events that a watch lost are not missed", "log_etcd"),
    ("watch-repeats", "src/log/etcd/follow.cc", "if (revision <= position_) {", "if (revision < position_) {",
     "an event that a watch repeats is taken again", "log_etcd"),
    ("watch-silent", "src/log/etcd/follow.cc", "if (stage_ == Stage::watching && known_end_ > position_ && now - moved_ > silence_max) {",
     "if (false) {", "a watch that brings nothing more is believed", "log_etcd"),
    ("restored-engine", "src/log/etcd/follow.cc", "if (unsigned_of(asked_revision_) < position_) {", "if (false) {",
     "an engine that went back is followed", "log_etcd"),
    ("another-log", "src/log/etcd/follow.cc", "if (id != log_id_) {", "if (false) {",
     "another cluster's log is followed", "log_etcd"),
    ("moved-keys", "src/strong/machine.cc", "  if (has_moved(operation)) {", "  if (false) {",
     "a write lands in a keyspace that its key left", "strong"),
    ("watched-keys", "src/strong/machine.cc", "if (state.table.read(watched.key, time).version != watched.version) {",
     "if (state.table.read(watched.key, time).version > UINT64_MAX - 1) {", "EXEC runs although a watched key has changed", "strong"),
    # Large collections
    ("frozen-pieces", "src/table/pieces.cc", "    if (piece < left_.size()) encode(piece, impl_.early);\n", "    static_cast<void>(piece);\n",
     "a piece that changes while a checkpoint is encoded is in it as it became", "table"),
    ("renamed-pieces", "src/table/pieces.cc", "  void moved() { is_here_ = false; }", "  void moved() {}",
     "pieces of a value that was given another name count as stored under it", "table"),
    ("shrunk-while-frozen", "src/value/pieces.h", "    for (std::size_t piece = 0; piece < size(); ++piece) watch_->before_change(piece);\n", "",
     "a collection that has become small is in the checkpoint without its first piece", "value,table"),
    ("unlinked-pieces", "src/value/list.cc", "  if (at > front_) changing(at - 1);  // another comes next\n", "",
     "a new piece of a list is stored, but the one before it does not say that it comes next", "value,table"),
    ("number-taken-unsaid", "src/value/list_pieces.cc", "  pieces.changing(number);\n", "",
     "the number of a piece that went is another's before a checkpoint knows that it went", "value,table"),
    ("free-pieces-stay", "src/table/pieces.cc", "      rows.erase(Family::table, row);\n    }\n    // Those", "    }\n    // Those",
     "pieces of a list that have gone stay in the store", "table"),
    # Caches that clients keep
    ("told-too-early", "src/server/session_cache.cc", "  if (one->is_old) {\n", "  if (false) {\n",
     "a reply that was read before a change comes behind the invalidation, and is kept", "server"),
    ("kept-for-ever", "src/server/tracking.cc", "    if (prefixes.empty() || has_prefix_of(key, prefixes)) note(id, key);\n",
     "    if (has_prefix_of(key, prefixes)) note(id, key);\n", "who follows all keys is told of none", "server"),
    ("loops-left-out", "src/server/tracking.cc", "(found->second.mode.no_loop && id == writer_)) return;",
     "(found->second.mode.no_loop && writer_ != 0)) return;", "NOLOOP leaves out others' changes, too", "server"),
    ("lease-from-the-answer", "src/node/own_caches.cc", "    if (sure) sure_at_ = now;\n",
     "    if (sure) sure_at_ = now + Millis(700);\n", "a node keeps caches longer than the others wait for it", "node"),
    ("put-out-at-once", "src/node/others_caches.cc", "    if (other.leaving && now - other.since > times_.patience) continue;\n",
     "    static_cast<void>(now);\n    if (other.leaving) continue;\n", "who was put out may not have heard so, and is not waited for", "node"),
    ("forgotten-at-once", "src/node/others_caches.cc",
     "      if (now - other.since > times_.patience) say(node, CacheChange::forget, now);\n",
     "      say(node, CacheChange::forget, now);\n", "the same, by an entry of the log", "node"),
    ("does-not-heed-the-log", "src/node/own_caches.cc", "!self->leaving && self->number != ended_;",
     "self->number != ended_;", "a node that was put out goes on with its caches", "node"),
    # De-duplication
    ("no-record", "src/strong/machine.cc", "  ids.record(id, operation.fingerprint, time, reply_bytes);\n", "",
     "a request id is not remembered", "strong"),
    ("any-operation", "src/strong/machine.cc", "if (outcome->fingerprint != operation.fingerprint) {", "if (false) {",
     "an id used for another operation is answered with the first one's reply", "strong"),
    ("past-the-window", "src/strong/machine.cc",
     "  if (const auto refused = refuse_by_time(operation.request_id, time, time - retain)) {\n    ++ids.counters.expired;\n    reply.error(*refused);\n    return Replay::none;\n  }\n",
     "", "an id older than what is remembered runs again", "strong"),
    ("merged-id-unknown", "src/eventual/replica.cc", "    state.ids.record(head.id, head.fingerprint, time, one.reply);\n", "    static_cast<void>(time);\n",
     "what another replica ran is run again when it is retried here", "eventual"),
    ("every-try-counts", "src/eventual/replica.cc", "    if (!saw_it) {", "    if (saw_it) {",
     "two tries at two replicas are two operations", "eventual"),
    ("light-over-unseen", "src/eventual/light_operations.cc",
     "    if (other != origin && !seen.includes({other, effect_at(place).sequence})) return false;\n",
     "    if (other != origin && seen.parts().empty()) return false;\n",
     "what removes takes light operations along that it did not see", "eventual"),
    ("light-past-turns", "src/eventual/light_operations.cc",
     "        other.origin == run.origin ? other.effects[effect.before.at()].before_other : effect.before;",
     "        other.origin == run.origin ? effect.before : Place{};",
     "of what is light at a key only the last origin's is compared with what was seen", "eventual"),
    ("light-forgets-no-expiry", "src/eventual/open_light.cc",
     "  if (effect.keep_expiry && !light_.has_none(keyspace, effect.key)) return false;\n", "",
     "that a light SET ended an expiry is forgotten with a SET KEEPTTL", "eventual"),
    ("light-under-a-text", "src/eventual/open_light.cc", "      if (base.has_put) return false;", "      if (false) return false;",
     "a light increment of what is no number is taken off again", "eventual"),
    ("light-after-alone", "src/eventual/open_state.cc",
     "  if (!light_.empty() && !light_.has_none(keyspace, key)) return true;\n", "",
     "what a node does alone is done over light operations that are taken back later", "eventual"),
    ("light-rows-stay", "src/eventual/light_rows.cc", "    unwritten_ = checkpoint_begin_;\n",
     "    unwritten_ = Place::of(first_run_, 0);\n",
     "after a checkpoint that failed, rows of light operations that go stay in the store", "eventual"),
    ("light-rows-missing", "src/eventual/light_operations.cc", "  if (unwritten_ <= place && place < checkpoint_end_) rows_.early",
     "  if (false) rows_.early", "light operations that go while a checkpoint is written are not in it", "eventual"),
    ("light-ranges-stay", "src/eventual/light_operations.cc", "  for (const std::string& range : ranges) rows_.gone_all(range);\n", "",
     "rows of light operations that went together stay in the store", "eventual"),
    ("light-range-lost", "src/eventual/odd_rows.cc", "    append(gone_.prefixes, pending_.prefixes);\n", "",
     "after a checkpoint that failed, so do they", "eventual"),
    ("odd-rows-late", "src/eventual/odd_rows.cc", "    if (done++ >= max) return done;\n    rows.erase(", "    if (done++ >= max) break;\n    rows.erase(",
     "a row that was written again while the erased ones are being written is erased", "eventual"),
    ("light-is-another", "src/eventual/open_rows.cc", "    unpacked_.emplace(loaded->dot, whole->second);\n", "",
     "after a restart what is light of an operation is another operation", "eventual"),
    ("light-id-unknown", "src/eventual/open_state.cc", "  if (const auto key = light_.key_of(keyspace, id)) {",
     "  if (const auto key = light_.key_of(keyspace, id); key && key->empty()) {",
     "a retry at another node of a light operation counts again", "eventual"),
    ("light-ids-settle", "src/eventual/open_state.cc", "space->ids.empty() && !light_.has_ids(key.keyspace)", "space->ids.empty()",
     "a removal is done with although an operation that it saw may get an earlier try", "eventual"),
    ("light-over-ids", "src/eventual/open_light.cc", "(one.head.has_id || light_.has_ids(keyspace) || (space",
     "(one.head.has_id || (space", "what removes takes along light operations with ids, which are then unknown", "eventual"),
    ("light-reply-unsaid", "src/eventual/local_operations.cc", "    if (light_id_) return impl_.open.set_light_reply(reply);",
     "    if (light_id_) return impl_.open.set_light_reply({});", "a retry of a light operation is answered with nothing", "eventual"),
    ("first-to-arrive", "src/eventual/open_state.cc", "  if (operation.stamp() < stamp) return false;\n", "  if (operation.stamp() != stamp) return false;\n",
     "of two tries the one that came first counts, not the first by clock", "eventual"),
    ("ids-on-disk", "src/dedup/id_table.cc", "if (auto outcome = find_in_segment(generation, segment, id, its_spread)) return outcome;",
     "static_cast<void>(its_spread);", "ids past the memory budget are forgotten", "dedup"),
    # Causal delivery, merge, stability
    ("causes-missing", "src/eventual/replica.cc", "if (entry.is_open() || !is_ready(*read, merged)) {", "if (entry.is_open()) {",
     "an entry is merged before what it saw", "eventual"),
    ("unseen-removed", "src/eventual/element.cc", "    if (!act.saw(item)) return false;\n", "",
     "a removal takes what it had not seen", "eventual"),
    ("later-put-loses", "src/eventual/element.cc", "if (base.has_put && (!has_put || stamp < base.stamp)) {",
     "if (base.has_put && !has_put) {", "a stable write loses to an earlier one", "eventual"),
    ("folds-under-removals", "src/eventual/element.cc", "!is_stable(*item.operation) || !removers.all_saw(item))",
     "!is_stable(*item.operation))", "what a removal did not see is folded under it", "eventual"),
    ("no-limbo", "src/eventual/open_state.cc", "if (!stability_.alone() && !stability_.frontier().includes(first.merged)) return false;", "",
     "an expiry is forgotten that a write on its way would keep", "eventual"),
    ("stable-too-soon", "src/eventual/stability.cc", "    return other_member || merged.at(part.origin) >= part.sequence;",
     "    return other_member || merged.at(part.origin) + 1 > 0;", "an acknowledgement counts before what it tells of has come", "eventual,mesh"),
    ("views-ignored", "src/eventual/stability.cc", "  if (!all_in_view()) return;\n  bool first", "  bool first",
     "things are settled while an ended incarnation's words are on their way", "eventual,mesh"),
    ("no-majority", "src/mesh/holdings.cc", "return count >= known_.size() / 2 + 1;", "return count >= 1;",
     "a log is given up that only one node has", "mesh"),
    ("old-words", "src/mesh/holdings.cc", "    if (!holding.node.empty() && told.clock <= holding.clock) continue;\n", "",
     "an earlier word replaces a later one", "mesh"),
    ("lost-node", "src/mesh/outbound.cc", "  if (lost_one) rewind();\n", "  static_cast<void>(lost_one);\n",
     "what was left to a node that went is sent by nobody", "mesh"),
    ("merged-for-disk", "src/mesh/outbound.cc", "while (merged_count_ > 0 && disk_.includes(watched_.front().last)) {",
     "while (merged_count_ > 0 && merged_.includes(watched_.front().last)) {",
     "what a peer has merged is taken for what its disk has", "mesh"),
    ("old-view-received", "src/mesh/replication.cc", '  if (!(view == holdings_.view())) return fail(Code::err, "it began before a node began anew");\n',
     "  static_cast<void>(view);\n", "what an ended incarnation left on its way is taken", "mesh"),
    ("feeds-itself", "src/mesh/replication.cc", "         (told == told_.end() || replica_.merged().includes(told->second.trimmed));",
     "         (told == told_.end() || told->second.trimmed == told->second.trimmed);",
     "a peer whose log lacks something is waited for", "mesh"),
    # TLS
    ("any-certificate", "src/tls/identity.cc", "    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);\n",
     "    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });\n",
     "a client's certificate may be anybody's", "tls,server"),
    ("two-names", "src/tls/channel.cc", "  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};\n",
     "  if (at < 0) return {};\n", "of a certificate's names the first counts", "tls"),
    ("name-cut-at-zero", "src/tls/channel.cc", "reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes));",
     "reinterpret_cast<const char*>(text));", "a certificate's name ends at a zero byte", "tls"),
    ("half-renewed", "src/tls/identity.cc", "  if (!next) return tl::unexpected(next.error());\n  now_ =",
     "  if (!next) now_ = {};\n  if (!next) return tl::unexpected(next.error());\n  now_ =", "a broken file replaces what was good", "tls"),
    ("cut-taken-for-end", "src/tls/channel.cc", "return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0 && !broken_;",
     "return true;", "a stream that broke is taken for one that ended", "tls,server"),
    ("left-in-the-channel", "src/server/connection.cc", "  if (secured_ != nullptr && secured_->channel.has_input()) {",
     "  if (false) {",
     "requests that were decrypted while others waited are not run", "server"),
    ("end-not-heard", "src/server/stream_socket.cc", "< room.size() && !ends_) readable_ = false;", "< room.size()) readable_ = false;",
     "a connection whose end came with its last bytes stays open", "server"),
    ("told-of-the-gone", "src/server/readiness.cc", "    if (event.data.ptr == &watcher) event.data.ptr = nullptr;\n", "    static_cast<void>(event), static_cast<void>(watcher);\n",
     "a socket that is gone is told of what came", "server"),
    ("endless-handshake", "src/server/connection.cc",
     "  if (++secured_->seconds >= limits::tls_handshake_seconds_max)\n    fail(\"TLS: it took too long to agree\");\n", "",
     "who never finishes a handshake stays", "server"),
    ("reset-to-nobody", "src/server/session.cc", "  labels_.name.clear();\n  sign_in_as_certified();\n",
     "  labels_.name.clear();\n  sign_in({});\n", "RESET forgets what the certificate says", "server"),
    ("silent-clock", "src/mesh/replication.cc", "replica_.tell_time(wall)", "(replica_.observe(HybridTime::at(wall)), replica_.clock())",
     "a node whose clock was set back is not heard", "mesh"),
    ("token-ignored", "src/node/requests.cc", "    if (!parts_.node.has_seen(*token)) {", "    if (false && !parts_.node.has_seen(*token)) {",
     "AFTER does not wait", "node"),
    ("far-ahead", "src/eventual/replica.cc", "    if (Status sane = check_clock(read->last_time()); !sane) return sane;\n",
     "", "a clock days ahead drags all along", "eventual"),
    # Recovery and checkpoints
    ("position-before-merged", "src/node/eventual_side.cc", "  return {log_.last().value + merged_.size() + 1};", "  return log_.last().next();",
     "a reply waits for an earlier entry than its own", "node"),
    ("claimed-by-nobody", "src/log/disk_log.cc", "ensure_room(claimed_bytes_ + record_bytes(payload_bytes) + mark_bytes)", "ensure_room(record_bytes(payload_bytes) + mark_bytes)",
     "the room of entries that are still to be written is given away", "log"),
    ("not-on-disk", "src/node/eventual_side.cc", "  if (keyspace.durability == Durability::always) {", "  if (false) {",
     "`always` is acknowledged before the disk has it", "node"),
    ("one-too-many", "src/node/checkpointer.cc", "  origin_position_ = parts_.origin_log.last();", "  origin_position_ = parts_.origin_log.last().next();",
     "a checkpoint says that it holds an entry it does not", "node"),
    ("log-behind-checkpoint", "src/node/checkpointer.cc",
     "      if (parts_.origin_log.synced() < origin_position_ && !parts_.origin_log.lost()) return false;\n", "",
     "a checkpoint outlives log entries that peers have yet to get", "node"),
    ("name-used-again", "src/node/origin_identity.cc", "const bool kept = !end.tail_was_cut && (end.closed_cleanly || same_kernel);",
     "const bool kept = end.closed_cleanly || same_kernel || !end.tail_was_cut;", "names of operations that a power cut took are used again", "node"),
    ("broken-log-replies", "src/node/eventual_side.cc", "    if (open_replied_) options_.on_broken();\n", "",
     "replies leave whose entry could not be written", "node"),
    ("stale-first", "src/value/score_order.cc",
     "    renumber(*node.children[at].node, rank, place);\n    node.entries[at] = node.children[at].node->entries.front();\n",
     "    renumber(*node.children[at].node, rank, place);\n",
     "an inner node's copy of a first entry leads to where another member lies now", "value"),
    ("scores-past-doubles", "src/eventual/element.cc", "kind == ElementKind::score ? 64 - score_bits : 0",
     "kind == ElementKind::score ? 0 : 0", "sums of scores past 2^53 depend on what of them lay in the table", "eventual"),
    ("frozen-values", "src/table/table.cc", "  before_change(place);\n  Entry& erased", "  Entry& erased", "a checkpoint mixes two moments", "table"),
    ("record-checksums", "src/log/record.cc", "  return payload_checksum(payload, header.position) == header.payload_checksum &&",
     "  return payload_checksum(payload, header.position) != 0 &&", "a damaged entry is read", "log"),
    ("synced-too-soon", "src/log/disk_log.cc", "  for (std::size_t i = 0; i < files.size() && s; ++i) s = files[i]->sync();\n",
     "  for (std::size_t i = 1; i < files.size() && s; ++i) s = files[i]->sync();\n", "what was not synced is said to be on disk", "log"),
    ("failed-sync-forgiven", "src/log/disk_log.cc", "  if (!s) lose(std::move(s.error()));\n", "",
     "a sync that failed is believed to have worked", "log"),
    ("renamed-unsynced", "src/log/small_file.cc", "  if (Status s = (*file)->sync(); !s) return s;\n", "",
     "a small file is replaced by one whose bytes are not on disk", "log"),
    ("trims-unsynced", "src/log/disk_log.cc", "         segments_.front().last < synced()) {", "         true) {",
     "a log forgets how far its positions had come", "log"),
    ("unlogged-told", "src/node/node.cc", "  if (mesh_ && !eventual_->has_unlogged()) {", "  if (mesh_) {",
     "peers hear that a node has what its full disk did not take", "node", "--engine none --kinds full_disk,kill"),
    ("folds-of-the-dropped", "src/eventual/open_state.cc",
     "  std::erase_if(folds_, [&](const Element* element) { return element->key->keyspace == keyspace; });\n", "",
     "what a start has yet to fold of a keyspace that is dropped is folded all the same", "eventual"),
    ("expired-keys-count", "src/node/keyspace_states.cc", "  state->table.for_each(now, [&]", "  state->table.for_each(now - now.time_since_epoch(), [&]",
     "what KEYSPACE CREATE answers differs from node to node", "node"),
    # Members and fencing
    ("dropped-is-unknown", "src/node/keyspace_states.h", "    return declarations_ || catalog_.has_given(keyspace);",
     "    return declarations_ || keyspace.value < states_.size();", "a dropped keyspace is waited for", "node"),
    ("without-a-base", "src/node/node_open.cc", "    begin_with_data(has_replica_ || bootstrap);", "    has_replica_ = has_replica_ || bootstrap;",
     "a node merges before it has what the others have settled", "node"),
    ("held-checkpoint", "src/node/membership.cc", "  if (held_) report.durable = std::min(report.durable, *held_);\n", "",
     "the log forgets what a node that loads a checkpoint still needs", "node"),
    ("dissent", "src/node/membership.cc", "} else if (auto why = members_.dissent(self_.id)) {", "} else if (auto why = members_.dissent(self_.id); false && why) {",
     "a node whose state differs goes on", "node"),
    ("newcomer-uncounted", "src/node/peers.cc", "  if (written >= newcomer.checkpoints) {", "  if (written + 2 >= newcomer.checkpoints) {",
     "a new node gets a checkpoint from before it was counted in", "node"),
    ("newcomer-not-written", "src/node/peers.cc", "      newcomers_.erase(it);  // it was not counted in: the next time is the first\n", "      newcomer.asked_at = now;\n",
     "one that could not be written down is taken for counted in", "node", "--engine none --kinds full_disk,join"),
    ("no-base", "src/node/node_cluster.cc", "  if (has_replica_ || log_->health().state != LogHealth::State::ok) return false;\n", "  if (true) return false;\n",
     "a new node writes beside data that it has not got", "node"),
    ("removed-by-name", "src/node/mesh_side.cc", "  replication_.meet(by.node, {by.origin});\n", "  replication_.expect(by.node);\n",
     "a member that was removed before it was heard of stays one elsewhere", "node",
     "--engine none --kinds leave,pause,isolate"),
    ("word-from-a-queue", "src/mesh/mesh.cc", "  if (is_another(itself) && !(asked_before && asked > lived_at_[itself.node].at)) return {};\n", "",
     "a word that lay in a queue ends the incarnation that began since", "mesh"),
    ("unheard-stay", "src/node/mesh_side.cc", "  if (!to_the_end) return;\n", "  if (to_the_end || !to_the_end) return;\n",
     "a member that was removed before it spoke stays one in a file", "node", "--kinds leave,join,etcd_watches"),
    # Ownership
    ("owner-not-asked", "src/node/requests.cc",
     "  if (!parts_.keyspaces.may_use(keyspace, request.caller))\n    return tl::unexpected(not_the_owner(keyspace, request.caller));\n  if (keyspace.guarantee",
     "  if (keyspace.guarantee", "another service reads and writes in an owned keyspace",
     "process:services_test.py"),
    ("owner-before", "src/strong/machine.cc", "      slot.state->owner != operation.caller) {", "      false) {",
     "an operation under way lands although the owner has changed", "strong"),
    ("walks-all", "src/node/keyspace_walk.cc", "    if ((!confined || *confined == state->id) && shown_(*state))", "    if (!confined || *confined == state->id)",
     "KEYS shows another service's keys", "node"),
    ("removals-not-counted", "src/mesh/holdings.cc", "  if (std::exchange(removals_, removals) != removals) changed_view();",
     "  removals_ = removals;", "a word from before counts when a member is taken out that was never heard of", "mesh"),
    # Workflows
    ("workflows-left-out", "src/node/peer_checkpoint.cc", "{0, workflow::current_keyspace.value, workflow::ended_keyspace.value}",
     "{0}", "a node that loads a peer's checkpoint of the strong keyspaces has no workflows", "node"),
    ("doubt-is-refusal", "src/workflow/progress.cc", "  const bool settled = outcome.ending == Ending::refused || !run_.steps[index].in_doubt;",
     "  const bool settled = true;", "what may have had its effect is not undone", "workflow"),
    ("new-id-in-doubt", "src/workflow/progress.cc", "    if (!step.attempts.empty() && step.attempts.back().ending == Ending::refused) ++step.round;",
     "    ++step.round;", "an undo that may have had its effect is tried anew under another id", "workflow"),
    ("undoes-too-soon", "src/workflow/progress.cc", "    return step.state == StepState::trying || step.state == StepState::undoing;",
     "    return step.state == StepState::undoing;", "steps under way are not awaited before others are undone", "workflow"),
    ("refused-again", "src/workflow/results.cc", "  if (code == row_of(Code::unavailable).resp || code == row_of(Code::busy).resp)",
     "  if (code == row_of(Code::unavailable).resp)", "a step that was not taken for the time being fails for good", "workflow"),
    ("id-of-the-attempt", "src/node/workflow_driver.cc", "  const std::string id =\n", "  const std::string id = std::to_string(attempt.number) +\n",
     "each attempt of a driver's has an id of its own", "node"),
    ("sees-its-neighbours", "src/workflow/progress.cc", "document(steps_before(attempt))", "document(run_.steps.size())",
     "what an attempt sends depends on what came of steps beside it meanwhile", "workflow"),
    ("unsendable-never-heard", "src/workflow/progress.cc",
     "  if (outcome.ending == Ending::unknown || outcome.ending == Ending::unsendable)\n", "  if (outcome.ending == Ending::unknown)\n",
     "a step that this node cannot send, but another may have sent, is not undone", "workflow"),
    ("untaken-kept", "src/node/workflow_driver.cc", "    at = is_due || under_way ? std::next(at) : attempts_.erase(at);",
     "    static_cast<void>(is_due || under_way);\n    at = std::next(at);", "a driver keeps what the log did not take, until it makes no attempts any more", "node"),
    ("nul-ends-json", "src/workflow/json.cc", "  if (const auto nul = text.find('\\0'); nul != std::string_view::npos)",
     "  if (const std::size_t nul = 0; text.empty())", "what follows a NUL is not looked at", "workflow"),
    ("time-stands-still", "src/strong/log_clock.h", "time_ + gone / 2", "time_",
     "behind a clock that was ahead the log's time stands still", "strong"),
    ("both-need-a-base", "src/catalog/members.cc", "                          : others && eventual;",
     "                          : others ? eventual : eventual;", "the first of a cluster waits for somebody else's data", "catalog"),
    # Functions
    ("allow-list-ignored", "src/function/functions.cc", "  return function.allowed.empty() ||\n", "  return true ||\n",
     "a function is any service's to call", "process:functions_test.py"),
    ("published-at-routing-only", "src/strong/machine.cc",
     "  if (own || function::is_for(found->function, host.service_name(caller))) return std::nullopt;",
     "  if (found) return std::nullopt;",
     "a call that was admitted before the function was withdrawn runs all the same", "strong"),
    ("failed-calls-keep", "src/function/functions.cc", "  reply.is_error() || on.rehearse ? on.table.undo() : on.table.keep();",
     "  on.rehearse ? on.table.undo() : on.table.keep();", "a call that answers an error has changed something", "function"),
    ("rehearsals-keep", "src/function/functions.cc", "  reply.is_error() || on.rehearse ? on.table.undo() : on.table.keep();",
     "  reply.is_error() ? on.table.undo() : on.table.keep();", "an eventual call's effects are applied twice", "eventual"),
    ("missing-function-remembered", "src/eventual/local_operations.cc",
     "  if (calls_function(request) && !has_function(*state, request.calls[0].args)) {",
     "  if (calls_function(request) && !has_function(*state, request.calls[0].args) && request.calls.empty()) {",
     "that a replica does not know a function is an outcome", "eventual"),
    ("undone-at-the-end", "src/value/set.cc", "  members_.restore_at(place, {SmallString(member)});",
     "  members_.append({SmallString(member)});\n  static_cast<void>(place);", "what is taken back is elsewhere in its collection", "value,table,function"),
    ("caught-limits", "src/function/running.cc", "  lua_sethook(L, on_count, LUA_MASKCOUNT, 1);", "  passed_ = Passed::nothing;\n  work_ = Work(limits::function_work_max);",
     "a function that catches the error of its limit goes on", "function"),
    ("seed-of-the-node", "src/function/running.cc", "      random_(seed),", "      random_(seed + reinterpret_cast<std::uintptr_t>(this)),",
     "chance differs between two nodes", "function"),
]


def run(command, cwd, seconds, env=None):
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                              env=env, text=True, errors="replace", check=False)
    except subprocess.TimeoutExpired:
        return 124, "it took too long"
    return done.returncode, done.stdout


def prepare(tree):
    source, build = tree / "tree", tree / "build"
    tree.mkdir(parents=True, exist_ok=True)
    if not source.exists():
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
        subprocess.run(["git", "worktree", "add", "--detach", str(source), "HEAD"], cwd=ROOT, check=True)
    else:
        subprocess.run(["git", "checkout", "--detach", "-f", "-q",
                        subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, text=True,
                                       stdout=subprocess.PIPE).stdout.strip()], cwd=source, check=True)
    env = {**os.environ, "CCACHE_BASEDIR": str(source), "CCACHE_NOHASHDIR": "1"}
    subprocess.run(["cmake", "--preset", "release", "-B", str(build)], cwd=source, env=env, check=True,
                   stdout=subprocess.DEVNULL)
    return source, build, env


PROCESS = "process:"  # a script of tests/ instead of a folder's unit tests


def test_command(build, source, folder):
    if folder.startswith(PROCESS):
        return ["env", f"HOLDFAST_BUILD={build}", sys.executable, "-B", str(source / "tests" / folder[len(PROCESS):])]
    return [str(test_binary(build, folder)), "--gtest_brief=1"]


def targets_of(folders):
    return ["holdfast" if folder.startswith(PROCESS) else f"{folder}_test" for folder in folders.split(",")] + ["holdfast-sim"]


def test_binary(build, folder):
    path = {"log_etcd": "log/etcd"}.get(folder, folder)
    return build / "src" / path / f"{folder}_test"


def try_one(mutation, source, build, env):
    name, file, old, new, _, folders, *flags = mutation
    path = source / file
    before = path.read_text()
    if before.count(old) != 1:
        return {"name": name, "caught": None, "why": f"its text is there {before.count(old)} times"}
    began = time.monotonic()
    path.write_text(before.replace(old, new))
    try:
        code, said = run(["ninja", "-C", str(build), *targets_of(folders)], source, 900, env)
        if code != 0:
            return {"name": name, "caught": None, "why": "it does not build: " + said[-1500:]}
        built = time.monotonic()
        for folder in folders.split(","):
            code, said = run(test_command(build, source, folder), source, 300)
            if code != 0:
                failed = [line.split()[3].rstrip(",") for line in said.splitlines() if line.startswith("[  FAILED  ]")]
                by = folder[len(PROCESS):] if folder.startswith(PROCESS) else f"{folder}_test"
                return {"name": name, "caught": by + (f": {failed[0]}" if failed else ""),
                        "seconds": round(time.monotonic() - built, 1)}
        code, said = run([str(build / "holdfast-sim"), "--runs", str(SIM_RUNS), "--fail-fast",
                          *(flags[0].split() if flags else [])], source, SIM_SECONDS)
        if code == 1:
            seeds = [line for line in said.splitlines() if " FAILS: " in line]
            return {"name": name, "caught": "sim: " + (seeds[0][:160] if seeds else said[-300:]),
                    "seconds": round(time.monotonic() - built, 1)}
        return {"name": name, "caught": "", "seconds": round(time.monotonic() - began, 1)}
    finally:
        path.write_text(before)


def table(results):
    rows = {row["name"]: row for row in map(json.loads, results.read_text().splitlines())}
    print("| bug | what it breaks | caught by | after |\n| --- | --- | --- | --- |")
    for name, file, _, _, what, *_ in MUTATIONS:
        row = rows.get(name, {})
        caught = row.get("caught") or "nobody"
        by = caught.split(": ")[0] if caught.startswith("sim") else caught
        print(f"| `{name}` in `{file}` | {what} | {by.replace('|', '')} | {row.get('seconds', '')} s |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--tree", type=Path, default=ROOT / "build" / "mutations")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "mutations.jsonl")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        return table(options.results)
    source, build, env = prepare(options.tree.resolve())
    holes = []
    for mutation in MUTATIONS:
        if options.only and mutation[0] not in options.only:
            continue
        row = try_one(mutation, source, build, env)
        print(f"{row['name']}: {row.get('caught') or 'NOT CAUGHT ' + row.get('why', '')} {row.get('seconds', '')}", flush=True)
        with options.results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if not row.get("caught"):
            holes.append(row["name"])
    if holes:
        print("nobody caught: " + ", ".join(holes))
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
