// SPDX-License-Identifier: Apache-2.0
#include "server/http_reader.h"

#include <algorithm>

#include "base/limits.h"

namespace holdfast::server::http {
namespace {

constexpr Refusal head_too_large{431, "the request's head is too large"};
constexpr Refusal no_crlf{400, "a line does not end in CRLF"};
constexpr Refusal body_too_large{413, "the request's body is too large"};

}  // namespace

Reader::Status Reader::read(std::string_view input) {
  while (phase_ != Phase::done) {
    Status status = Status::request;  // of this step: go on
    if (phase_ == Phase::body) {
      status = read_body(input);
    } else if (phase_ == Phase::chunk) {
      status = read_chunk(input);
    } else {
      const std::size_t newline = input.find('\n', std::max(searched_, at_));
      const std::size_t end = newline == std::string_view::npos ? input.size() : newline + 1;
      if (lines_bytes_ + (end - at_) > limits::http_header_bytes_max) {
        return refuse(head_too_large);
      }
      std::string_view line = input.substr(at_, end - at_);
      // A line must end in CRLF, and CR stands nowhere else.
      const std::size_t carriage_return = line.find('\r');
      if (newline == std::string_view::npos) {
        searched_ = input.size();
        if (carriage_return != std::string_view::npos && carriage_return + 1 < line.size()) {
          return refuse(no_crlf);
        }
        return Status::partial;
      }
      if (line.size() < 2 || carriage_return != line.size() - 2) {
        return refuse(no_crlf);
      }
      line.remove_suffix(2);
      at_ = end;
      lines_bytes_ += line.size() + 2;
      status = read_line(line);
    }
    if (status != Status::request) return status;
  }
  return Status::request;
}

Reader::Status Reader::read_line(std::string_view line) {
  Field field;
  switch (phase_) {
    case Phase::start: {
      if (line.empty()) {  // RFC 9112 section 2.2: empty lines before a request are skipped
        skipped_ = at_;
        return Status::request;
      }
      StartLine start;
      if (const Check wrong = parse_start_line(line, start)) return refuse(*wrong);
      minor_version_ = start.minor_version;
      phase_ = Phase::fields;
      return Status::request;
    }
    case Phase::fields:
      if (line.empty()) return end_of_head();
      if (++fields_ > limits::http_headers_max) return refuse(head_too_large);
      if (const Check wrong = parse_field(line, field)) return refuse(*wrong);
      if (const Check wrong = framing_.add(field)) return refuse(*wrong);
      return Status::request;
    case Phase::chunk_size: {
      lines_bytes_ -= std::min(lines_bytes_, line.size() + 2);  // counted with the body
      std::uint64_t bytes = 0;
      if (const Check wrong = parse_chunk_size(line, bytes)) return refuse(*wrong);
      // With what a chunk costs in lines, so that many small ones are bounded too.
      const std::uint64_t cost = bytes + line.size() + 4;
      if (cost > body_bytes_max_ - body_bytes_) return refuse(body_too_large);
      body_bytes_ += static_cast<std::size_t>(cost);
      body_end_ = at_ + bytes;
      phase_ = bytes == 0 ? Phase::trailers : Phase::chunk;
      return Status::request;
    }
    case Phase::trailers:
      if (line.empty()) {
        phase_ = Phase::done;
        return Status::request;
      }
      if (++fields_ > limits::http_headers_max) return refuse(head_too_large);
      if (const Check wrong = parse_field(line, field)) return refuse(*wrong);
      if (const Check wrong = check_trailer(field)) return refuse(*wrong);
      return Status::request;
    default:
      return refuse({400, "no line was due"});
  }
}

Reader::Status Reader::end_of_head() {
  if (const Check wrong = framing_.finish(minor_version_)) return refuse(*wrong);
  head_size_ = at_;
  keeps_alive_ = !framing_.says_close && (minor_version_ == 1 || framing_.says_keep_alive);
  if (framing_.chunked) {
    phase_ = Phase::chunk_size;
  } else if (framing_.length > body_bytes_max_) {
    return refuse(body_too_large);
  } else {
    body_end_ = at_ + framing_.length;
    phase_ = framing_.length == 0 ? Phase::done : Phase::body;
  }
  return Status::request;
}

Reader::Status Reader::read_body(std::string_view input) {
  if (input.size() < body_end_) return Status::partial;
  at_ = static_cast<std::size_t>(body_end_);
  phase_ = Phase::done;
  return Status::request;
}

Reader::Status Reader::read_chunk(std::string_view input) {
  const auto end = static_cast<std::size_t>(body_end_);
  // What lies where CRLF is due is looked at as soon as it is there.
  if (input.size() > end && input[end] != '\r')
    return refuse({400, "a chunk does not end in CRLF"});
  if (input.size() < end + 2) return Status::partial;
  if (input[end + 1] != '\n') return refuse({400, "a chunk does not end in CRLF"});
  at_ = end + 2;
  phase_ = Phase::chunk_size;
  return Status::request;
}

}  // namespace holdfast::server::http
