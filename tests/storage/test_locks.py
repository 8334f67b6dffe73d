"""Lock files: held by the living, free when they die."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from storage.locks import Boots, FileLock, locked

HOLDER = """
import sys
from pathlib import Path
from storage.locks import Boots
lock = Boots(Path(sys.argv[1])).take("boot_child")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lock_is_held_once(tmp_path):
    first = FileLock.try_take(tmp_path / "x.lock")
    assert FileLock.try_take(tmp_path / "x.lock") is None
    first.release()
    again = FileLock.try_take(tmp_path / "x.lock")
    assert again is not None
    again.release()


def test_a_removed_file_guards_nothing(tmp_path):
    path = tmp_path / "x.lock"
    first = FileLock.take(path)
    waiting = threading.Thread(target=lambda: FileLock.take(path).release())
    waiting.start()
    first.release(remove=True)
    waiting.join()
    assert path.exists()


def test_locked_lets_one_in_at_a_time(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(50):
            with locked(tmp_path / "x.lock"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}


def test_a_shared_lock_is_free_when_all_who_share_it_have_let_go(tmp_path):
    path = tmp_path / "x.lock"
    first = FileLock.take(path)
    shared = os.dup(first.fileno())
    os.set_inheritable(shared, True)
    heir = FileLock.inherited(path, shared)
    assert not os.get_inheritable(heir.fileno())
    first.release()
    assert FileLock.try_take(path) is None
    heir.release()
    FileLock.take(path).release()


def test_a_boot_lives_while_its_lock_is_held(tmp_path):
    boots = Boots(tmp_path)
    lock = boots.take("boot_a")
    assert not boots.is_dead("boot_a")
    boots.sweep()
    assert not boots.is_dead("boot_a")
    lock.release()
    assert boots.is_dead("boot_a")
    assert boots.is_dead("boot_never")
    boots.sweep()
    assert list((tmp_path / "boots").glob("*.lock")) == []


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_the_kernel_frees_the_lock_of_a_killed_process(tmp_path, death):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=os.getcwd(),
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    ) as child:
        assert child.stdout.readline() == b"held\n"
        boots = Boots(tmp_path)
        assert not boots.is_dead("boot_child")
        child.send_signal(death)
        child.wait()
        assert boots.is_dead("boot_child")
