#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The published JSON Schema of workflows and WORKFLOW DEFINE take the same definitions, drawn at random, right and wrong.

    workflow_schema_test.py [--draws N] [--seed N]
"""
import argparse
import copy
import json
import random
import sys

import holdfast
from holdfast import ReplyError, Server, check, skip

SCHEMA = holdfast.ROOT / "docs" / "formats" / "workflow.schema.json"


class Drawn:
    """Definitions; now and then a part of one is replaced by what may not be there."""

    def __init__(self, chance):
        self.chance = chance

    def one_of(self, *made):
        return self.chance.choice(made)()

    def maybe(self, what, name, made, likely=0.4):
        if self.chance.random() < likely:
            what[name] = made()

    def name(self):
        return self.chance.choice(["a", "B-2", "under_score", "x" * 64])

    def duration(self):
        return self.chance.choice(["500ms", "1s", "2S", "3m", "1h", "2d"])

    def pointer(self):
        return self.chance.choice(["/input", "/input/a/0", "/steps/s0", "/run/id"])

    def value(self, depth=0):
        plain = [lambda: 1, lambda: -2.5, lambda: "text", lambda: True, lambda: None,
                 lambda: {"from": self.pointer()}, lambda: {"text": ["a", 1]}, lambda: {"literal": {"from": 3}},
                 lambda: {"from": self.pointer(), "else": 1}]
        deep = [lambda: [self.value(depth + 1)], lambda: {"k": self.value(depth + 1), "from": 1, "x": 2},
                lambda: {"from": self.pointer(), "else": self.value(depth + 1)},
                lambda: {"text": [self.value(depth + 1)]}]
        return self.one_of(*(plain if depth > 2 else plain + deep))

    def condition(self, depth=0):
        flat = [lambda: {"equal": [self.value(), 1]}, lambda: {"less": [1, self.value()]}, lambda: {"present": self.pointer()}]
        deep = [lambda: {"not": self.condition(depth + 1)}, lambda: {"all": [self.condition(depth + 1)]}, lambda: {"any": []}]
        return self.one_of(*(flat if depth > 2 else flat + deep))

    def retry(self):
        retry = {}
        self.maybe(retry, "attempts", lambda: self.chance.choice([1, 7, 100]))
        self.maybe(retry, "first", lambda: "10ms")
        self.maybe(retry, "factor", lambda: self.chance.choice([1, 1.5, 100]))
        self.maybe(retry, "longest", lambda: "1h")
        self.maybe(retry, "jitter", lambda: self.chance.choice([0, 0.5, 1]))
        return retry

    def call(self):
        if self.chance.random() < 0.5:
            call = {"call": self.chance.choice(["a.b", "accounts.debit"])}
            self.maybe(call, "keys", lambda: [self.value()])
            self.maybe(call, "args", lambda: [self.value(), self.value()])
        else:
            http = {"url": self.value()}
            self.maybe(http, "method", lambda: self.chance.choice(["GET", "PUT"]))
            self.maybe(http, "headers", lambda: {"x-a": self.value()})
            self.maybe(http, "body", self.value)
            self.maybe(http, "token", self.name)
            call = {"http": http}
        self.maybe(call, "retry", self.retry)
        self.maybe(call, "timeout", self.duration)
        return call

    def step(self, number):
        step = {"name": f"s{number}"}
        self.maybe(step, "if", self.condition)
        if self.chance.random() < 0.2:
            step["wait"] = self.one_of(lambda: {"for": self.duration()}, lambda: {"signal": self.name()},
                                       lambda: {"signal": self.name(), "for": self.duration()})
        else:
            step.update(self.call())
            self.maybe(step, "undo", self.call)
        return step

    def definition(self):
        steps, number = [], 0
        for _ in range(self.chance.randint(1, 3)):
            if self.chance.random() < 0.2:
                steps.append({"together": [self.step(number), self.step(number + 1)]})
            else:
                steps.append(self.step(number))
            number += 2
        definition = {"name": self.name(), "steps": steps}
        self.maybe(definition, "description", lambda: "what it does")
        self.maybe(definition, "deadline", self.duration)
        self.maybe(definition, "retain", lambda: "1d")
        return definition

    def spoilt(self, definition):
        """With something taken out, put in, or replaced anywhere."""
        spoilt = copy.deepcopy(definition)
        places = []

        def walk(part):
            if isinstance(part, (dict, list)):
                places.append(part)
                for inner in part.values() if isinstance(part, dict) else part:
                    walk(inner)
        walk(spoilt)
        part = self.chance.choice(places)
        wrong = self.chance.choice([None, 7, -1, 1.5, "", "text", "/nowhere", [], {}, True, {"from": "x"}, "a.b", "1x"])
        if isinstance(part, list):
            if part and self.chance.random() < 0.5:
                part[self.chance.randrange(len(part))] = wrong
            else:
                part.append(wrong)
        else:
            names = [*part, "more", "undo", "wait", "call", "http", "host", "from", "else", "not"]
            name = self.chance.choice(names)
            if name in part and self.chance.random() < 0.4:
                del part[name]
            else:
                part[name] = wrong
        return spoilt


def main():
    try:
        import jsonschema
    except ImportError:
        skip("python3-jsonschema is not installed")
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    drawn = Drawn(random.Random(arguments.seed))
    taken = 0
    with Server() as server, server.client() as client:
        for i in range(arguments.draws):
            definition = drawn.definition()
            if i % 2:
                definition = drawn.spoilt(definition)
            text = json.dumps(definition)
            complaint = ""
            try:
                client("WORKFLOW", "DEFINE", text)
            except ReplyError as error:
                complaint = str(error)
            valid = validator.is_valid(definition)
            check(valid == (not complaint), f"the schema says {valid}, DEFINE '{complaint}': {text}")
            taken += valid
    check(arguments.draws // 4 < taken < arguments.draws * 9 // 10, f"{taken} of {arguments.draws} were taken: little is proven")
    print(f"{arguments.draws} definitions, {taken} of them taken by both")


if __name__ == "__main__":
    sys.exit(main())
