"""The energy that a processor or a GPU says it has used, where the platform tells it."""

from pathlib import Path

import torch

POWERCAP = Path("/sys/class/powercap")  # Linux; a package of processors is intel-rapl:N, AMD's too


class EnergyMeter:
    """Counts joules from its making on: of all processors of the machine, or of one GPU.

    Args:
        device: the GPU's own counter is read where this is one.
        powercap: folder of the kernel's counters.
    """

    def __init__(self, device: torch.device, powercap: Path = POWERCAP) -> None:
        self._device, self._packages = device, sorted(powercap.glob("intel-rapl:[0-9]"))
        self._begin = self._counts()

    def joules(self) -> float | None:
        """Return what was used since; None where nobody counts it, or this process may not read it."""
        begin, end = self._begin, self._counts()
        if not begin or begin.keys() != end.keys():
            return None
        return sum(self._used(name, begin[name], count) for name, count in end.items())

    def _used(self, name: str, begin: float, end: float) -> float:
        if end >= begin:
            return end - begin
        return end - begin + float(Path(name, "max_energy_range_uj").read_text()) / 1e6  # the counter began anew

    def _counts(self) -> dict[str, float]:
        """Return joules by counter."""
        try:
            if self._device.type == "cuda":
                return {"gpu": _gpu_joules(self._device)}
            return {str(folder): float((folder / "energy_uj").read_text()) / 1e6 for folder in self._packages}
        except (OSError, ValueError, RuntimeError, ModuleNotFoundError):
            return {}


def _gpu_joules(device: torch.device) -> float:
    """Return what a GPU has used since its driver was loaded. Raises ModuleNotFoundError without NVIDIA's library."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
    except pynvml.NVMLError as error:
        raise RuntimeError(str(error)) from error
