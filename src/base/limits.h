// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/units.h"

/// Every bound in the product, in one place. A test reaches each.
namespace holdfast::limits {

// Requests
inline constexpr std::size_t request_id_bytes_max = 64;
inline constexpr std::size_t keyspace_name_bytes_max = 64;
inline constexpr std::size_t key_bytes_max = 64_KiB;
inline constexpr std::size_t inline_command_bytes_max = 64_KiB;  // as Redis
inline constexpr std::size_t resp_line_bytes_max = 64_KiB;       // a length line and its CRLF
inline constexpr std::size_t arguments_max = 1'048'576;          // as Redis
inline constexpr std::size_t bulk_bytes_max = 512_MiB;           // as Redis' proto-max-bulk-len
inline constexpr std::size_t request_bytes_max = 1_GiB;
inline constexpr std::size_t unauthenticated_arguments_max = 10;
inline constexpr std::size_t unauthenticated_bulk_bytes_max = 16_KiB;
inline constexpr std::size_t transaction_commands_max = 65'536;  // queued in one MULTI
inline constexpr std::size_t transaction_functions_max = 256;    // of these, functions and scripts
inline constexpr std::size_t random_repeats_max = 1'048'576;  // HRANDFIELD, SRANDMEMBER, count < 0
inline constexpr std::size_t lcs_cells_max = std::size_t{1} << 27;  // of LCS' table, as Redis
inline constexpr std::size_t watched_keys_max = 4'096;              // by one connection

// Connections
inline constexpr std::size_t connections_max_default = 10'000;
inline constexpr std::size_t read_buffer_bytes = 16_KiB;
inline constexpr std::size_t output_bytes_max_default =
    64_MiB;  // a reader slower than this is cut off
inline constexpr std::size_t output_chunk_bytes =
    1_MiB;  // output grows by pieces of this, not by moving all
inline constexpr std::size_t pipeline_outstanding_max =
    65'536;                                             // commands of one connection under way
inline constexpr std::size_t look_ahead_requests = 16;  // announced to the backend at once
// Of so many none is announced after it had no use for some.
inline constexpr std::size_t look_ahead_pause = 8 * look_ahead_requests;
inline constexpr std::size_t client_name_bytes_max = 256;
// From a request's first byte to its last, counted in whole ticks: cut within 10 s, unless it
// keeps this pace.
inline constexpr int request_seconds_max = 9;
inline constexpr std::size_t request_bytes_per_second_min = 64_KiB;
inline constexpr int reader_seconds_max = 10;  // a reader over its output limit must take in these
inline constexpr std::size_t output_shares_max = 4;  // all connections' output, in limits of one
inline constexpr std::size_t reader_share_min = 16;  // at least limit / share, or is cut off

// Publish and subscribe
inline constexpr std::size_t message_bytes_max = 8_MiB;        // channel and message
inline constexpr std::size_t subscriptions_max = 65'536;       // of one connection
inline constexpr std::size_t subscription_bytes_max = 16_MiB;  // of their names, likewise
inline constexpr std::size_t subscriber_unsent_max = 32_MiB;   // as Redis; one slower is cut off
inline constexpr std::size_t tracked_keys_max = 1'000'000;     // as Redis: of all who keep caches
inline constexpr std::size_t held_replies_bytes_max = 64_MiB;  // until other nodes' caches are told
inline constexpr std::size_t messages_held_bytes_max =
    64_MiB;  // until what they tell of is on disk

// TLS with clients
inline constexpr int tls_handshake_seconds_max = 9;  // counted in whole ticks: cut within 10 s

// HTTP
inline constexpr std::size_t http_header_bytes_max = 16_KiB;
inline constexpr std::size_t http_body_bytes_max = 16_MiB;
inline constexpr std::size_t http_unauthenticated_body_bytes_max = 64_KiB;
inline constexpr std::size_t http_pipeline_commands_max = 65'536;
inline constexpr std::size_t http_pipelined_max = 1'024;  // requests of one connection under way
inline constexpr std::size_t http_answer_chunk_bytes = 1_MiB;  // longer ones are sent by pieces
inline constexpr std::size_t http_headers_max = 100;
inline constexpr int http_pages_per_second_max = 2'000;  // of all connections together
inline constexpr std::size_t http_streams_max = 64;      // of /v1/events, at once
inline constexpr int http_header_seconds_max = 9;        // counted in whole ticks: cut within 10 s
inline constexpr int http_body_seconds_max = 60;
inline constexpr int http_idle_seconds_max = 60;    // between two requests of a connection
inline constexpr int http_answer_seconds_max = 30;  // until the peer has taken an answer
inline constexpr std::size_t json_depth_max = 128;

// The log
inline constexpr std::size_t entry_bytes_max = 1_GiB;  // one entry of the embedded engine
inline constexpr std::size_t etcd_entry_bytes_max =
    1_MiB;  // of engine etcd, whose requests end at 1.5
inline constexpr std::size_t entry_operations_max = 16'384;  // an entry is closed at this many
inline constexpr std::size_t entry_bytes_target = 4_MiB;     // or at this size
inline constexpr std::int64_t entry_time_ms_max = std::int64_t{1} << 47;  // about the year 6429
inline constexpr std::size_t segment_bytes = 64_MiB;
inline constexpr std::size_t segment_bytes_first = 4_MiB;  // a log's files double from here
inline constexpr std::size_t segment_bytes_min = 64_KiB;   // a disk without that room is full
inline constexpr std::size_t log_undelivered_bytes_max = 512_MiB;  // appended, waiting for the disk

// Eventual keyspaces
inline constexpr std::int64_t clock_ahead_ms_max = 2 * 3'600'000;  // of another node's hybrid clock
inline constexpr std::size_t explained_effects_max = 100;          // EXPLAIN tells of an origin,
inline constexpr std::size_t explained_elements_max = 100;         // of what is stable, and of
inline constexpr std::size_t explained_ids_max = 100;         // request ids; the rest is counted
inline constexpr std::size_t explained_text_bytes_max = 128;  // of a text that it tells
inline constexpr std::size_t explained_items_max = 16;        // of a collection, in short
inline constexpr std::size_t questions_waiting_max = 256;     // EXPLAINs that wait for others

// Request ids
inline constexpr std::int64_t request_id_ahead_ms_max = 3'600'000;  // a UUIDv7 from the future
inline constexpr std::int64_t retain_ids_ms_default = 72LL * 3'600'000;
inline constexpr std::int64_t retain_ids_ms_min = 1'000;
inline constexpr std::int64_t retain_ids_ms_max = 3'650LL * 24 * 3'600'000;

// Appenders of a strong log that the machine remembers (docs/formats/strong-machine.md)
inline constexpr std::size_t appenders_kept = 1'024;  // swept whenever so many more have come
inline constexpr std::size_t appenders_max = 65'536;
inline constexpr std::int64_t appender_kept_ms = 7LL * 24 * 3'600'000;

// A cluster's members
inline constexpr std::size_t members_max = 64;
inline constexpr std::size_t member_id_bytes_max = 64;
inline constexpr std::size_t member_address_bytes_max = 256;
inline constexpr std::uint64_t milestone_log_bytes = 4_MiB;      // between comparisons of digests
inline constexpr std::uint64_t log_retained_bytes_max = 64_MiB;  // kept for a member that is away
inline constexpr std::uint64_t checkpoint_shared_log_bytes =
    16_MiB;  // as dirty_bytes, on a shared log

// Waiting work
inline constexpr std::size_t queued_reply_bytes_max = 256_MiB;  // replies that wait for the disk
inline constexpr std::size_t audit_bytes_max = 64_MiB;          // of a file; then the next is begun
inline constexpr std::size_t audit_files_max = 8;
inline constexpr std::size_t slow_log_len_max = 4'096;
inline constexpr std::size_t slow_log_args_max = 32;  // of a command, kept
inline constexpr std::size_t slow_log_arg_bytes_max = 128;
inline constexpr std::size_t waits_max = 1'024;          // WAITs and SAVEs that wait
inline constexpr std::size_t latency_samples_max = 160;  // of an event, as Redis
inline constexpr int debug_sleep_seconds_max = 60;
inline constexpr std::size_t calls_counted_max = 512;    // callers and functions
inline constexpr std::size_t state_keyspaces_max = 200;  // told by /v1/events
inline constexpr std::size_t services_max = 1'024;
inline constexpr std::uint32_t services_ever_max = 1U << 30;  // ever made
inline constexpr std::size_t keyspaces_max = 32'768;  // ever made; SCAN cursors carry 15 bits

// Functions: part of what a call in a strong keyspace comes to, so the same on every node
inline constexpr std::size_t function_region_bytes = 64_MiB;  // addresses; live bytes are fewer
inline constexpr std::size_t function_memory_bytes_max =
    16_MiB;  // of one call, its library's included
inline constexpr std::uint64_t function_work_max = 1'000'000;  // about as many Lua instructions
inline constexpr std::size_t function_reply_bytes_max = 8_MiB;
inline constexpr int function_nesting_max = 64;  // of what a function returns, and of JSON
inline constexpr std::size_t function_library_bytes_max = 256_KiB;
inline constexpr std::size_t scripts_compiled_max = 256;       // EVAL's, kept compiled
inline constexpr std::size_t script_texts_bytes_max = 16_MiB;  // for EVALSHA
inline constexpr std::size_t libraries_max = 1'024;            // of all keyspaces
inline constexpr std::size_t functions_max = 256;              // of a library

// Workflows: part of what the log comes to, so the same on every node
inline constexpr int workflow_nesting_max = 32;  // of definitions, inputs and results
inline constexpr std::size_t workflow_definition_bytes_max = 64_KiB;
inline constexpr std::size_t workflow_input_bytes_max = 64_KiB;
inline constexpr std::size_t workflow_result_bytes_max = 16_KiB;  // of a step, kept
inline constexpr std::size_t workflow_error_bytes_max = 256;      // of an attempt, kept
inline constexpr std::size_t workflow_steps_max = 64;
inline constexpr std::size_t workflow_name_bytes_max = 64;
inline constexpr std::size_t workflow_run_id_bytes_max = 64;
inline constexpr std::size_t workflows_max = 4'096;                    // of all services
inline constexpr std::uint32_t workflow_versions_max = 4'096;          // of one; none is taken away
inline constexpr std::size_t workflow_calls_per_operation_max = 4;     // of functions, each bounded
inline constexpr std::size_t workflow_attempts_in_flight_max = 1'024;  // of one node
inline constexpr std::size_t workflow_response_bytes_max = 64_KiB;     // of an HTTP answer, read
inline constexpr std::uint32_t workflow_attempts_default = 10;
inline constexpr std::uint32_t workflow_attempts_max = 100;
inline constexpr std::size_t workflow_attempts_kept_max = 256;  // of a step, for HISTORY
inline constexpr std::int64_t workflow_call_timeout_ms_default = 10'000;
inline constexpr std::int64_t workflow_retain_ms_default = 24LL * 3'600'000;
inline constexpr Millis workflow_duration_max{365LL * 24 * 3'600'000};

// Checkpoints
inline constexpr std::size_t checkpoint_dirty_bytes = 256_MiB;  // log written since the last one
inline constexpr std::uint32_t ids_pages_erased_max = 65'536;  // of one keyspace, in one checkpoint

// Between nodes
inline constexpr std::size_t mesh_frame_bytes_max = 256_KiB;  // a frame's body
inline constexpr std::size_t cluster_secret_bytes_min = 16;
inline constexpr std::size_t mesh_hello_bytes_max = 1_KiB;  // of whom nothing is known yet
inline constexpr std::size_t mesh_name_bytes_max = 256;     // of a cluster or node, in a greeting
inline constexpr std::size_t mesh_error_bytes_max = 512;    // a refusal's text
inline constexpr std::size_t mesh_connections_max = 16;     // to a checkpoint's server
inline constexpr std::size_t mesh_streams_max = 2;          // checkpoints sent at once
inline constexpr int mesh_hello_seconds_max = 10;           // from a connection to its greeting
inline constexpr int mesh_stall_seconds_max = 30;           // a stream without a byte is given up
inline constexpr std::size_t mesh_row_key_bytes_max = 128_KiB;  // a checkpoint's row, received
inline constexpr std::uint64_t mesh_row_bytes_max = 4_GiB - 1;  // RocksDB holds no larger value
inline constexpr std::size_t mesh_window_bytes = 8_MiB;  // sent to a peer, not yet merged there
inline constexpr std::size_t mesh_watched_entries_max = 65'536;  // not yet on a peer's disk
inline constexpr std::size_t mesh_questions_max = 64;            // of one peer, not answered yet
inline constexpr std::size_t mesh_answer_bytes_max = 64_KiB;
inline constexpr std::size_t mesh_messages_bytes_max = 32_MiB;      // for one peer, not sent yet
inline constexpr std::size_t mesh_checkpoint_batch_bytes = 32_MiB;  // received, then committed

// Trials and the lab
inline constexpr std::size_t link_late_bytes_max =
    4_MiB;  // on their way over a slow link, each way
inline constexpr std::size_t lab_scenario_bytes_max = 1_MiB;
inline constexpr std::size_t lab_actions_max = 1'000;
inline constexpr double lab_rate_max = 20'000;         // operations a second
inline constexpr double lab_seconds_max = 3'600;       // of a scene
inline constexpr std::size_t lab_things_max = 500;     // posts or accounts, all read at each look
inline constexpr Millis lab_delay_max{10'000};         // of a link
inline constexpr std::size_t lab_marks_max = 200'000;  // of when how much was acknowledged
inline constexpr std::size_t lab_open_max = 100'000;   // operations whose outcome nobody knows yet
inline constexpr std::size_t lab_likes_max = 1'000'000;       // rows of a file
inline constexpr std::size_t lab_connections_max = 64;        // to its page
inline constexpr std::size_t lab_request_bytes_max = 64_KiB;  // of that

}  // namespace holdfast::limits
