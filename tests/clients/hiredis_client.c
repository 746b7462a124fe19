/* SPDX-License-Identifier: Apache-2.0 */
/* What a C service does with hiredis, against a node at the port given:
 *   hiredis_client PORT
 * In a strong and in an eventual keyspace. Debian 12's hiredis 0.14 speaks RESP2
 * only; ioredis covers RESP3. */
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

static redisContext* connect_to(int port) {
  redisContext* c = redisConnect("127.0.0.1", port);
  CHECK(c != NULL && c->err == 0);
  return c;
}

static redisReply* run(redisContext* c, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  redisReply* reply = redisvCommand(c, format, arguments);
  va_end(arguments);
  if (reply == NULL) fprintf(stderr, "%s: %s\n", format, c->errstr);
  CHECK(reply != NULL);
  return reply;
}

static void expect_integer(redisReply* reply, long long wanted) {
  if (reply->type != REDIS_REPLY_INTEGER || reply->integer != wanted)
    fprintf(stderr, "type %d, %lld, %s; wanted %lld\n", reply->type, reply->integer,
            reply->str ? reply->str : "", wanted);
  CHECK(reply->type == REDIS_REPLY_INTEGER && reply->integer == wanted);
  freeReplyObject(reply);
}

static void expect_text(redisReply* reply, const char* wanted) {
  CHECK(reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS);
  CHECK(strlen(wanted) == reply->len && memcmp(reply->str, wanted, reply->len) == 0);
  freeReplyObject(reply);
}

static void expect_error(redisReply* reply, const char* code) {
  CHECK(reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, code, strlen(code)) == 0);
  freeReplyObject(reply);
}

static void values(redisContext* c, const char* ks) {
  expect_text(run(c, "SET %s:s %b", ks, "a\0\r\nb", (size_t)5), "OK");
  redisReply* reply = run(c, "GET %s:s", ks);
  CHECK(reply->type == REDIS_REPLY_STRING && reply->len == 5 &&
        memcmp(reply->str, "a\0\r\nb", 5) == 0);
  freeReplyObject(reply);
  reply = run(c, "GET %s:none", ks);
  CHECK(reply->type == REDIS_REPLY_NIL);
  freeReplyObject(reply);
  expect_integer(run(c, "INCRBY %s:n 41", ks), 41);
  expect_integer(run(c, "INCR %s:n", ks), 42);
  expect_integer(run(c, "HSET %s:h f1 v1 f2 v2", ks), 2);
  expect_integer(run(c, "SADD %s:set x y", ks), 2);
  expect_error(run(c, "INCR %s:h", ks), "WRONGTYPE");
  expect_error(run(c, "GET"), "ERR wrong number");
}

static void collections(redisContext* c, const char* ks) {
  redisReply* map = run(c, "HGETALL %s:h", ks);
  CHECK(map->type == REDIS_REPLY_ARRAY && map->elements == 4);
  freeReplyObject(map);
  redisReply* set = run(c, "SMEMBERS %s:set", ks);
  CHECK(set->type == REDIS_REPLY_ARRAY && set->elements == 2);
  freeReplyObject(set);
}

static void pipeline(redisContext* c, const char* ks) {
  enum { count = 5000 };
  for (int i = 0; i < count; i++) CHECK(redisAppendCommand(c, "INCR %s:p", ks) == REDIS_OK);
  for (int i = 0; i < count; i++) {
    redisReply* reply = NULL;
    CHECK(redisGetReply(c, (void**)&reply) == REDIS_OK);
    expect_integer(reply, i + 1);
  }
}

static void transaction(redisContext* c, const char* ks) {
  expect_text(run(c, "MULTI"), "OK");
  expect_text(run(c, "INCR %s:t", ks), "QUEUED");
  expect_text(run(c, "SADD %s:t x", ks), "QUEUED");
  expect_text(run(c, "GET %s:t", ks), "QUEUED");
  redisReply* reply = run(c, "EXEC");
  CHECK(reply->type == REDIS_REPLY_ARRAY && reply->elements == 3);
  CHECK(reply->element[0]->integer == 1);
  CHECK(reply->element[1]->type == REDIS_REPLY_ERROR);
  CHECK(strcmp(reply->element[2]->str, "1") == 0);
  freeReplyObject(reply);
}

static void ids(redisContext* c, const char* ks) {
  for (int try = 0; try < 3; try++) expect_integer(run(c, "ONCE order-17 INCRBY %s:once 5", ks), 5);
  expect_text(run(c, "GET %s:once", ks), "5");
  expect_error(run(c, "ONCE order-17 INCRBY %s:once 6", ks), "IDREUSED");
  for (int try = 0; try < 2; try++) {
    expect_text(run(c, "MULTI"), "OK");
    expect_text(run(c, "DECRBY %s:from 7", ks), "QUEUED");
    expect_text(run(c, "INCRBY %s:to 7", ks), "QUEUED");
    redisReply* reply = run(c, "ONCE transfer-1 EXEC");
    CHECK(reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
          reply->element[1]->integer == 7);
    freeReplyObject(reply);
  }
  expect_text(run(c, "GET %s:to", ks), "7");
}

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const int port = atoi(argv[1]);
  redisContext* c = connect_to(port);
  const char* keyspaces[] = {"strong", "eventual"};
  for (int i = 0; i < 2; i++) {
    expect_text(run(c, "KEYSPACE CREATE %s GUARANTEE %s", keyspaces[i], keyspaces[i]), "OK");
    values(c, keyspaces[i]);
    collections(c, keyspaces[i]);
    pipeline(c, keyspaces[i]);
    transaction(c, keyspaces[i]);
    ids(c, keyspaces[i]);
    printf("hiredis, %s: as Redis\n", keyspaces[i]);
  }
  redisFree(c);
  return 0;
}
