# SPDX-License-Identifier: Apache-2.0
"""What a disk holds when the power goes, from the journal that tests/power_cut_shim.c writes.

What is assumed of a disk is what docs/formats/log.md assumes, and no more. What was written before a sync began is
there once it has returned. Of what else was written each 512-byte sector is there or not, whatever its order. A
directory's changes since its last sync are there up to some point, each directory for itself; so a file can be synced
and its name be lost.
"""
import os
import struct
from pathlib import Path

SECTOR = 512
HEAD = struct.Struct("<QQQQ")


def records(path):
    """(kind, inode, number, payload) of a journal, in order; without a last one that the kill has torn."""
    raw = memoryview(path.read_bytes()) if path.exists() else memoryview(b"")
    at = 0
    while at + HEAD.size <= len(raw):
        size, kind, inode, number = HEAD.unpack_from(raw, at)
        if at + HEAD.size + size > len(raw):
            return
        yield chr(kind), inode, number, raw[at + HEAD.size:at + HEAD.size + size]
        at += HEAD.size + size


class File:
    """One inode: what is on disk of it, and what was done since that is not known to be."""

    def __init__(self, content=b""):
        self.disk = bytearray(content)
        self.pending = []  # (when, kind, offset or size, bytes or count)
        self.is_directory = False

    def sync(self, before):
        for change in self.pending:
            if change[0] < before:
                apply(self.disk, change)
        self.pending = [change for change in self.pending if change[0] >= before]

    def content(self):
        """As the kernel has it."""
        if not self.pending:
            return self.disk
        content = bytearray(self.disk)
        for change in self.pending:
            apply(content, change)
        return content

    def cut(self, chance, how=None):
        """What was pending is there or not, by chance; how many pieces were not, for the account."""
        pending, self.pending = self.pending, []
        how = how or chance.choice(("all", "none", "first", "whole", "sectors", "sectors", "one missing"))
        likely = chance.choice((0.1, 0.5, 0.9))
        chosen = chance.randrange(len(pending)) if pending else 0
        lost = 0
        for i, change in enumerate(pending):
            if how == "sectors":
                lost += apply_some(self.disk, change, chance, likely)
                continue
            there = {"all": True, "none": False, "first": i < chosen, "one missing": i != chosen}.get(how)
            if chance.random() < likely if there is None else there:
                apply(self.disk, change)
            else:
                lost += 1
        return lost


class Directory(File):
    def __init__(self, path):
        super().__init__()
        self.path = path
        self.is_directory = True


def put(content, offset, data):
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


def resize(content, size):
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


def apply(content, change):
    _, kind, where, what = change
    if kind == "T":
        resize(content, where)
    else:
        put(content, where, what if kind == "W" else bytes(what))


def apply_some(content, change, chance, likely):
    """Each sector by chance; the number of those left out. A new size comes or not, as a whole."""
    _, kind, where, what = change
    if kind == "T":
        there = chance.random() < likely
        if there:
            resize(content, where)
        return not there
    end = where + (len(what) if kind == "W" else what)
    # Long runs of zeros, which are files filled ahead, in longer pieces.
    step = SECTOR if end - where < 1 << 20 else 1 << 16
    lost = 0
    at = where
    while at < end:
        to = min(end, at - at % step + step)
        if chance.random() < likely:
            put(content, at, what[at - where:to - where] if kind == "W" else bytes(to - at))
        else:
            lost += 1
        at = to
    return lost


class Disk:
    """The files under a folder, over the lives of the process that writes them."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.names = {}       # path: File, as the kernel has it
        self.disk_names = {}  # as the disk has it
        self.changes = []     # of names, not known to be on disk: (when, {path: File or None}, folders)
        self.now = 0
        self.inodes = {}
        self.syncs = 0
        self.lost_pieces = self.lost_names = self.unfinished = 0
        self.attach()

    def attach(self):
        self.inodes = {os.stat(self.folder).st_ino: Directory(str(self.folder))}
        self.inodes.update((os.stat(path).st_ino, file) for path, file in self.names.items())

    # -- What the process did

    def follow(self, journal):
        begun = {}
        for kind, inode, number, payload in records(journal):
            self.now += 1
            if kind in "CDURL":
                one, other = (os.path.normpath(name.decode()) for name in bytes(payload).split(b"\0"))
                self.change_names(kind, inode, one, other)
                continue
            if inode not in self.inodes:
                raise AssertionError(f"a file that was never opened is written to or synced: {kind} of inode {inode}")
            file = self.inodes[inode]
            if kind == "B":
                begun[number] = self.now
            elif kind == "E":
                self.syncs += 1
                if file.is_directory:
                    self.sync_names(file.path, begun[number])
                else:
                    file.sync(begun[number])
            else:
                what = bytes(payload) if kind == "W" else int.from_bytes(payload, "little")
                file.pending.append((self.now, kind, number, what))

    def change_names(self, kind, inode, one, other):
        if kind in "CD":
            file = self.inodes[inode] = File() if kind == "C" else Directory(one)
            changed = {one: file}
        elif kind == "U":
            changed = {one: None}
        else:
            file = self.names[one]
            if file.is_directory:
                raise AssertionError(f"{one}: directories that are renamed are not followed")
            changed = {one: None, other: file} if kind == "R" else {other: file}
        self.changes.append((self.now, changed, {os.path.dirname(path) for path in changed}))
        rename(self.names, changed)

    def sync_names(self, folder, before):
        # With a change that is of two folders go the earlier ones of both.
        folders, kept, synced = {folder}, [], []
        for change in reversed(self.changes):
            if change[0] < before and change[2] & folders:
                folders |= change[2]
                synced.append(change)
            else:
                kept.append(change)
        for _, changed, _ in reversed(synced):
            rename(self.disk_names, changed)
        self.changes = kept[::-1]

    # -- What is left of it

    def compare(self):
        """That the journal tells all that was done to the files, but for one change that the kill cut short."""
        there = self.there()
        differing = [p for p in there.keys() ^ self.names.keys()]
        for path, file in self.names.items():
            if path in there and not file.is_directory and Path(path).read_bytes() != file.content():
                differing.append(path)
        if len(differing) > 2:
            raise AssertionError(f"not followed: {differing}")
        self.unfinished += bool(differing)

    def cut(self, chance, how=None):
        """The power goes: the folder is what the disk then holds. `how` is how each file fares, see File.cut."""
        likely = chance.choice((0.0, 0.5, 0.9, 1.0))
        stopped = set()
        for _, changed, folders in self.changes:
            if folders & stopped or chance.random() >= likely:
                stopped |= folders
                self.lost_names += 1
            else:
                rename(self.disk_names, changed)
        self.changes = []
        for path in sorted(self.disk_names):
            above = os.path.dirname(path)
            if above != str(self.folder) and above not in self.disk_names:
                del self.disk_names[path]
        for file in {id(f): f for f in self.disk_names.values()}.values():
            self.lost_pieces += file.cut(chance, how)
        self.names = dict(self.disk_names)
        self.write_out()
        self.attach()

    def there(self):
        return {str(p): p for p in self.folder.rglob("*")}

    def write_out(self):
        there = self.there()
        for path in sorted(there.keys() - self.names.keys(), reverse=True):
            there[path].rmdir() if there[path].is_dir() else there[path].unlink()
        same = {}
        for path, file in sorted(self.names.items()):
            if file.is_directory:
                Path(path).mkdir(exist_ok=True)
            else:
                same.setdefault(id(file), (file, []))[1].append(path)
        for file, paths in same.values():
            whole = all(p in there and Path(p).read_bytes() == file.disk for p in paths)
            if whole and len({os.stat(p).st_ino for p in paths}) == 1:
                continue
            for path in paths:
                Path(path).unlink(missing_ok=True)
            Path(paths[0]).write_bytes(file.disk)
            for path in paths[1:]:
                os.link(paths[0], path)


def rename(names, changed):
    for path, file in changed.items():
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file
