"""The Docker launcher on real containers: how stages end, what they may do, and what is left of them."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from netanomaly import images
from netanomaly.errors import InputError, OutsideError
from netanomaly.runners import docker_daemon, docker_leftovers
from netanomaly.runners.docker import DockerLauncher
from netanomaly.runners.launcher import StageCall
from netanomaly.runners.spec import Resources

IMAGE = images.reference("validate")
# Half of them fail. `make soak` starts them all.
QUICK_STAGES = 2000 if os.environ.get("NETANOMALY_SOAK") else 40


@pytest.fixture
def call(tmp_path):
    def making(program: str, name: str = "stage", **changes) -> StageCall:
        values = {
            "name": name,
            "image": IMAGE,
            "command": ("python3", "-c", program),
            "environment": {},
            "resources": Resources(),
            "run_id": "run",
            "run_dir": tmp_path,
            "log": tmp_path / f"logs/{name}.log",
        }
        return StageCall(**{**values, **changes})

    # A run beside this one must not take these containers for leftovers.
    with docker_leftovers.holding(tmp_path):
        yield making


@pytest.fixture
def launcher(client):
    return DockerLauncher(client)


def left(client, tmp_path: Path) -> list:
    label = f"{docker_leftovers.RUN_FOLDER_LABEL}={tmp_path}"
    return client.containers.list(all=True, filters={"label": label})


def test_a_stage_ends_with_its_code_its_clear_line_and_its_log(launcher, client, call, tmp_path):
    rows: list[int] = []
    # Each line in one piece: those of the two streams may come between each other's.
    program = (
        "import os, sys; os.write(1, b'progress: 7 rows\\n'); os.write(2, b'error: no such column\\n'); sys.exit(2)"
    )
    end = launcher.run(call(program), rows.append)
    assert (end.code, end.error, rows) == (2, "no such column", [7])
    # Standard output and error are two streams in a container; their order is not told.
    said = (tmp_path / "logs/stage.log").read_text().splitlines()
    assert sorted(said) == ["error: no such column", "progress: 7 rows"]
    assert left(client, tmp_path) == []


def test_no_end_is_mistaken_for_another_under_load(launcher, call):
    """Stages that end at once, and after up to 200 ms, eight at a time: every code comes out as it was."""

    def one(number: int) -> bool:
        wanted = number % 2
        program = f"import time, sys; time.sleep({number % 5 * 0.05}); sys.exit({wanted})"
        return launcher.run(call(program, f"stage-{number}"), lambda _: None).code == wanted

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(QUICK_STAGES)))


def test_a_stage_killed_for_memory_is_named_so_with_its_limit(launcher, call):
    program = "x = bytearray(10**9); print(len(x))"
    end = launcher.run(call(program, resources=Resources(memory_limit_bytes=64 * 1024**2)), lambda _: None)
    assert end.code is None
    assert "killed for memory: its limit is 64 MiB" in end.in_words()


def test_a_processor_limit_is_set_and_never_more_than_there_are(launcher, client, call, tmp_path):
    for limit in (0.5, 10_000):
        container = launcher._create(call("", resources=Resources(cpu_limit=limit)))
        given = client.api.inspect_container(container)["HostConfig"]["NanoCpus"]
        client.api.remove_container(container)
        assert given == min(limit, client.info()["NCPU"]) * 1e9


def test_the_run_folder_is_writable_the_root_is_not_and_files_are_ours(launcher, call, tmp_path):
    program = f"""
from pathlib import Path
Path({str(tmp_path)!r}, "made").write_text("x")
Path("/tmp/scratch").write_text("x")
for place in ("/opt/netanomaly/x", "/etc/x", "/x", "/root/x"):
    try: Path(place).write_text("x")
    except OSError: continue
    raise SystemExit(place)
"""
    assert launcher.run(call(program), lambda _: None).in_words() == "exited with 0"
    assert (tmp_path / "made").stat().st_uid == os.getuid()


def test_a_stage_has_no_capabilities_no_new_privileges_and_no_network(launcher, call, tmp_path):
    program = "print(open('/proc/self/status').read()); print(open('/proc/net/dev').read())"
    launcher.run(call(program), lambda _: None)
    said = (tmp_path / "logs/stage.log").read_text()
    status = dict(line.split(":\t") for line in said.splitlines() if ":\t" in line)
    assert {status[name].strip("0") for name in ("CapPrm", "CapEff", "CapBnd")} == {""}
    assert status["NoNewPrivs"] == "1"
    assert [line.split(":")[0].strip() for line in said.splitlines() if ": " in line and "0 " in line] == ["lo"]


def test_sources_are_read_only_and_paths_may_hold_anything(client, call, tmp_path):
    folder = tmp_path / "a b: é,x=1"
    folder.mkdir()
    (folder / "flows.csv").write_text("1")
    program = f"""
from pathlib import Path
file = Path({str(folder / "flows.csv")!r})
assert file.read_text() == "1"
try: file.write_text("2")
except OSError: raise SystemExit(5)
"""
    work = tmp_path / "work: ü"
    work.mkdir()
    end = DockerLauncher(client, readable=[folder]).run(call(program, run_dir=work), lambda _: None)
    assert end.code == 5


def made(client, call: StageCall) -> dict:
    """A stage's container as the daemon has it, of a launcher with credentials, a key to sign with and a network."""
    launcher = DockerLauncher(
        client,
        environment={"AWS_SECRET_ACCESS_KEY": "hush-hush"},
        files=[Path("/etc/hostname")],
        by_name={"NETANOMALY_SIGN_KEY": "hush-key"},
        network="host",
    )
    container = launcher._create(call)
    seen = client.api.inspect_container(container)
    client.api.remove_container(container)
    return seen


def test_credentials_reach_the_stage_and_neither_command_nor_label(client, call):
    seen = made(client, call("pass", outside=frozenset({"AWS_ACCESS_KEY_ID", "NETANOMALY_SIGN_KEY"})))
    variables = seen["Config"].pop("Env")
    assert {"AWS_SECRET_ACCESS_KEY=hush-hush", "NETANOMALY_SIGN_KEY=hush-key"} <= set(variables)
    assert "hush" not in str(seen)


@pytest.mark.parametrize(
    ("outside", "given", "network"), [((), 0, "none"), (("AWS_ACCESS_KEY_ID",), 1, "host")], ids=["none", "store"]
)
def test_a_stage_gets_only_what_the_pipeline_takes_from_outside_for_it(client, call, outside, given, network):
    seen = made(client, call("pass", outside=frozenset(outside)))
    assert sum("hush" in variable for variable in seen["Config"]["Env"]) == given
    assert sum(mount["Source"] == "/etc/hostname" for mount in seen["HostConfig"]["Mounts"]) == given
    assert seen["HostConfig"]["NetworkMode"] == network


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_stopped_stage_leaves_no_container_and_none_starts_after_it(launcher, client, call, tmp_path, how):
    started = threading.Event()
    program = "print('progress: 1 rows', flush=True)\nwhile True: input_ = __import__('time').sleep(60)"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(launcher.run, call(program), lambda _: started.set())
        assert started.wait(30)
        getattr(launcher, how)()
        assert running.result(30).code != 0
    assert left(client, tmp_path) == []
    assert launcher.run(call("raise SystemExit(3)"), lambda _: None).signal == signal.SIGTERM


def test_kept_containers_stay_until_the_next_run_removes_them(client, call, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    with docker_leftovers.holding(kept):
        DockerLauncher(client, keep=True).run(call("pass", run_dir=kept), lambda _: None)
        docker_leftovers.remove(client)
        assert len(left(client, kept)) == 1
    docker_leftovers.remove(client)
    assert left(client, kept) == []


def test_a_program_or_folder_that_is_not_there_is_one_clear_line(launcher, client, call, tmp_path):
    with pytest.raises(OutsideError, match=r"starting 'no-such' of stage stage\): .*not found"):
        launcher.run(call("", command=("no-such",)), lambda _: None)
    with pytest.raises(OutsideError, match="is not shared with the Docker daemon"):
        launcher.run(call("pass", run_dir=tmp_path / "absent"), lambda _: None)
    assert left(client, tmp_path) == []


def test_a_log_that_cannot_be_written_ends_the_stage(launcher, client, call, tmp_path):
    program = "print('x', flush=True); __import__('time').sleep(60)"
    with pytest.raises(OutsideError, match="log of stage stage cannot be written: No space left on device"):
        launcher.run(call(program, log=Path("/dev/full")), lambda _: None)
    assert left(client, tmp_path) == []


def test_missing_and_foreign_images_are_named_with_what_builds_them(client):
    with pytest.raises(InputError, match=r"netanomaly/train:9.9.9 is not there \(there is .*make image STAGE=train"):
        docker_daemon.require(client, ["netanomaly/train:9.9.9"])
    client.images.get(IMAGE).tag("netanomaly/train", "0.0.1-elsewhere")
    try:
        with pytest.raises(InputError, match="holds version"):
            docker_daemon.require(client, ["netanomaly/train:0.0.1-elsewhere"])
    finally:
        client.images.remove("netanomaly/train:0.0.1-elsewhere")
