using Palmyra.Gpu.Bundle.Measuring;
using Palmyra.Gpu.Bundle.Results;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Bundle.Parts;

/// <summary>What the device is.</summary>
internal static class DeviceRow
{
    /// <summary>One row.</summary>
    public static IEnumerable<ResultRow> Measure(Bench bench)
    {
        GpuDevice device;
        long free;
        ResultRow? failed = null;
        try
        {
            using ObservedDriver driver = bench.Open();
            (device, free) = (driver.Device, driver.FreeBytes);
        }
        catch (Exception failure)
        {
            failed = ResultRow.Failed("device", "opening", failure);
            (device, free) = (null!, 0);
        }

        yield return failed ?? new ResultRow("device", device.Name)
        {
            Facts =
            [
                ("capability", device.Major + (device.Minor / 10.0)),
                ("multiprocessors", device.Multiprocessors),
                ("GiB", device.TotalBytes / (double)(1 << 30)),
                ("GiB free", free / (double)(1 << 30)),
                ("shared bytes a block", device.SharedBytesPerBlock),
                ("CUDA", (device.DriverVersion / 1000) + (device.DriverVersion % 1000 / 100.0)),
            ],
            Note = bench.Options.Interpreter ? "the figures are what the interpreter claims"
                : DriverRelease.OfSystem() is string release ? $"driver {release}" : "the driver's own number is not stated by this system",
        };
    }
}
