"""A computer in software that boots Debian's stock kernel on this machine's own files.

The kernel is downloaded and unpacked, never installed. The guest sees the whole file system of the host at the same paths
(9p, read-only), with a layer in memory above it, so the same virtual environment and sources run in it as root, and nothing
that is done there remains. It has no network but loopback, and these serial ports: ttyS0 is the console, ttyS1 carries lines
to whoever started the machine, ttyS2 is QEMU's own control (QMP), ttyS3 the far end of a USB serial adapter that can be plugged
in through it.
"""

from __future__ import annotations

import contextlib
import fcntl
import lzma
import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "modprobe": "kmod",
    "cupsd": "cups",
    "apt-get": "apt",
}
# What mounts the host's files; everything else is loaded from there.
FIRST_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
NEVER_NEEDED = ("*/drivers/net/*", "*/drivers/gpu/*", "*/drivers/infiniband/*", "*/drivers/scsi/*", "*/sound/*")
LONGEST_LIFE_S = 600  # should this program be killed, the machine ends by itself

INIT = """\
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod $module; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /lower || $b poweroff -f
$b mount -t tmpfs memory /memory; $b mkdir /memory/upper /memory/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work files /new
for folder in proc sys dev; do $b mount --move /$folder /new/$folder; done
$b mount -t tmpfs run /new/run; $b mkdir -p /new/dev/pts /new/dev/shm
$b mount -t devpts pts /new/dev/pts; $b mount -t tmpfs shm /new/dev/shm
$b ip link set lo up
exec $b switch_root /new /bin/sh "$job"
"""

JOB = """\
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 KERNEL={kernel}
modprobe -d {kernel} configfs
mount -t configfs none /sys/kernel/config
cd {folder}
{command}
echo "The command ended with status $?."
echo o > /proc/sysrq-trigger
while :; do :; done
"""


class CannotBoot(Exception):
    """Something that the virtual machine needs is missing; the sentence says what to do."""


@dataclass(frozen=True)
class Kernel:
    version: str
    folder: Path  # holds boot/ and lib/modules/

    @property
    def image(self) -> Path:
        return self.folder / "boot" / f"vmlinuz-{self.version}"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.gz"


def prepared_kernel(cache: Path) -> Kernel:
    """The newest stock kernel that the package lists name, unpacked in `cache` at the first call; without lists, the last one."""
    if missing := sorted({package for tool, package in NEEDED.items() if not shutil.which(tool, path=_TOOLS_PATH)}):
        raise CannotBoot(f"The virtual machine needs programs that are not here: apt install {' '.join(missing)}")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        version = _newest_version() or _last_prepared(cache)
        if not version:
            raise CannotBoot(
                "The package lists name no kernel linux-image-amd64: run apt-get update, on Debian for amd64."
            )
        kernel = Kernel(version, cache / version)
        if not (kernel.folder / "ready").exists():
            shutil.rmtree(kernel.folder, ignore_errors=True)
            kernel.folder.mkdir()
            _unpack(kernel)
            _build_initrd(kernel)
            (kernel.folder / "ready").touch()
        return kernel


class Machine:
    """Runs `command` in `folder` inside a guest, and ends with it; `line()` gives what it writes to ttyS1."""

    def __init__(self, kernel: Kernel, command: list[str], folder: Path, run_folder: Path) -> None:
        self.console_file = run_folder / "console"
        job = run_folder / "job.sh"
        job.write_text(
            JOB.format(
                kernel=shlex.quote(str(kernel.folder)), folder=shlex.quote(str(folder)), command=shlex.join(command)
            )
        )
        # Two ends each, so that the guest reaches QEMU's own control, and the far end of the adapter that is plugged into it.
        # A socket's path must be short, so these are not in run_folder.
        self._sockets = tempfile.TemporaryDirectory(prefix="vm-")
        ends = []
        for name in ("control", "line"):
            path = f"{self._sockets.name}/{name}"
            ends += ["-chardev", f"socket,id={name}-a,path={path},server=on,wait=off"]
            ends += ["-chardev", f"socket,id={name}-b,path={path}"]
        qemu = [
            *("timeout", "--signal=KILL", str(LONGEST_LIFE_S)),
            *(
                "qemu-system-x86_64",
                "-M",
                "q35",
                "-cpu",
                "max",
                "-accel",
                "tcg,thread=multi",
                "-smp",
                "2",
                "-m",
                "2048",
            ),
            *(
                "-display",
                "none",
                "-monitor",
                "none",
                "-nic",
                "none",
                "-no-reboot",
                "-device",
                "qemu-xhci,id=xhci",
                *ends,
            ),
            *("-serial", f"file:{self.console_file}", "-serial", "stdio"),
            *("-serial", "chardev:control-a", "-mon", "chardev=control-b,mode=control", "-serial", "chardev:line-a"),
            *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
            *("-kernel", str(kernel.image), "-initrd", str(kernel.initrd)),
            # An oops ends the machine instead of leaving something half alive that tests may still pass on. Guards against
            # other tenants, and tables for more memory than anybody has, cost an emulated processor two thirds of its time.
            *("-append", f'console=ttyS0 quiet oops=panic panic=-1 mitigations=off no5lvl "job={job}"'),
        ]
        self._errors = (run_folder / "qemu").open("w+")
        self._process = subprocess.Popen(
            qemu, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True
        )
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="virtual machine", daemon=True)
        self._reader.start()

    def line(self, timeout_s: float) -> bytes | None:
        """The next line that the guest wrote, or None when the machine has ended. Raises TimeoutError."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"The virtual machine said nothing for {timeout_s:.0f} seconds.") from None
        if line is None:
            self._lines.put(None)  # it stays ended
        return line

    def console(self, lines: int = 60) -> str:
        """The last it said on its console, and what QEMU said."""
        text = self.console_file.read_text(errors="replace") if self.console_file.exists() else ""
        self._errors.seek(0)
        tail = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\x00", "", line) for line in text.splitlines()[-lines:]]
        return "\n".join([*tail, self._errors.read()])

    def close(self) -> None:
        """Switches it off, whatever it is doing."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # timeout(1) alone would leave QEMU behind
        self._process.wait()
        self._reader.join(timeout=5)
        self._errors.close()
        self._sockets.cleanup()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._lines.put(line.rstrip(b"\r\n"))
        self._lines.put(None)


_TOOLS_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # an ordinary user's has no sbin


def _newest_version() -> str:
    said = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=False)
    found = re.search(r"Depends: linux-image-(\S+)", said.stdout)
    return found[1] if found else ""


def _last_prepared(cache: Path) -> str:
    ready = sorted(cache.glob("*/ready"), key=lambda path: path.stat().st_mtime)
    return ready[-1].parent.name if ready else ""


def _unpack(kernel: Kernel) -> None:
    package = f"linux-image-{kernel.version}"
    said = subprocess.run(
        ["apt-get", "-q", "download", package],
        cwd=kernel.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    archives = list(kernel.folder.glob("*.deb"))
    if said.returncode or not archives:
        raise CannotBoot(f"The kernel cannot be downloaded; run apt-get update. apt-get said: {said.stderr.strip()}")
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archives[0])], stdout=subprocess.PIPE) as archive:
        excluded = [f"--exclude={pattern}" for pattern in NEVER_NEEDED]
        wanted = ["tar", "-x", "-C", str(kernel.folder), *excluded, "./boot", "./lib/modules"]
        subprocess.run(wanted, stdin=archive.stdout, check=True, timeout=300)
    archives[0].unlink()
    subprocess.run(
        _tool("depmod", "-b", str(kernel.folder), kernel.version), capture_output=True, check=True, timeout=120
    )


def _build_initrd(kernel: Kernel) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("bin", "modules", "proc", "sys", "dev", "lower", "memory", "new"):
            (root / folder).mkdir()
        shutil.copy(_tool("busybox")[0], root / "bin" / "busybox")
        (root / "bin" / "sh").symlink_to("busybox")
        for number, module in enumerate(_in_order(kernel), 10):
            # busybox cannot be relied on to load compressed modules, which later Debians have.
            data = lzma.decompress(module.read_bytes()) if module.suffix == ".xz" else module.read_bytes()
            (root / "modules" / f"{number}-{module.name.removesuffix('.xz')}").write_bytes(data)
        (root / "init").write_text(INIT)
        (root / "init").chmod(0o755)
        pack = "find . | cpio --quiet -o -H newc | gzip -1"
        packed = subprocess.run(["sh", "-c", pack], cwd=root, check=True, capture_output=True, timeout=60)
        kernel.initrd.write_bytes(packed.stdout)


def _in_order(kernel: Kernel) -> Iterator[Path]:
    seen = set()
    for name in FIRST_MODULES:
        asked = _tool("modprobe", "-d", str(kernel.folder), "-S", kernel.version, "--show-depends", name)
        said = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=60)
        for kind, path in (line.split()[:2] for line in said.stdout.splitlines()):
            if kind == "insmod" and path not in seen:
                seen.add(path)
                yield Path(path)


def _tool(name: str, *arguments: str) -> list[str]:
    found = shutil.which(name, path=_TOOLS_PATH)
    assert found, name
    return [found, *arguments]
