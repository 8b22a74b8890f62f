using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Palmyra.Backends.Cpu;
using Palmyra.Gpu.Compilation;
using Palmyra.Gpu.Driver;

namespace Palmyra.Cli.Commands;

/// <summary><c>palmyra devices</c>: what this machine can run models on, and why the rest cannot.</summary>
internal static class DevicesCommand
{
    private const string NoFolder = "The user has no folder for application data.";

    public static Command Create()
    {
        Option<bool> json = CommandOption.Json("Write one JSON object: the processor, the list of GPUs, and where compiled kernels are kept.");
        var command = new Command("devices", "Show what --backend can use here: the processor, GPUs, and why a GPU cannot be used.")
        {
            json,
        };
        command.SetAction(parsed =>
        {
            using var cpu = new CpuBackend();
            GpuDevices gpus = GpuDevices.Find();
            PtxCache? cache = PtxCache.OfUser();
            if (parsed.GetValue(json))
            {
                WriteJson(cpu, gpus, cache);
            }
            else
            {
                WriteText(Console.Out, cpu, gpus, cache);
            }

            return ExitCode.Done;
        });
        return command;
    }

    // Of the process: less than the machine's where a container bounds it.
    private static long CpuMemory => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    private static void WriteText(TextWriter output, CpuBackend cpu, GpuDevices gpus, PtxCache? cache)
    {
        // The first column is what --backend takes.
        Columns.Write(output, "lll", gpus.Found
            .Select(gpu => new[] { $"gpu:{gpu.Index}", Facts(gpu), gpu.Refusal is null ? "can be used" : "cannot be used" })
            .Prepend(["cpu", $"{cpu.Description}, {Columns.Bytes(CpuMemory)}", "can be used"]));
        output.WriteLine(Kept(cache));
        if (gpus.WhyNone.Length > 0)
        {
            output.WriteLine(gpus.WhyNone);
        }
        else
        {
            foreach (FoundGpu gpu in gpus.Found.Where(gpu => gpu.Refusal is not null))
            {
                output.WriteLine(gpu.Refusal);
            }
        }
    }

    private static string Facts(FoundGpu gpu) => gpu.Device is not GpuDevice device
        ? gpu.Name
        : $"{device.Name}, compute capability {Capability(device)}, {device.Multiprocessors} multiprocessors, "
            + $"{Columns.Bytes(device.TotalBytes)}, {(DriverRelease.OfSystem() is string release ? $"driver {release}, " : string.Empty)}CUDA {Cuda(device)}";

    private static string Kept(PtxCache? cache)
    {
        if (cache is null)
        {
            return $"Compiled kernels are not kept. {NoFolder}";
        }

        (int kernels, long bytes) = cache.Size();
        string now = $"{Columns.Count(kernels)} now, {Columns.Bytes(bytes)}";
        return cache.WhyNoneIsAdded() is not string why ? $"Compiled kernels are kept in {cache.Folder}: {now}."
            : kernels == 0 ? $"Compiled kernels are not kept. {why}"
            : $"Compiled kernels are read from {cache.Folder} ({now}) and none is added. {why}";
    }

    private static string Capability(GpuDevice device) => string.Create(CultureInfo.InvariantCulture, $"{device.Major}.{device.Minor}");

    private static string Cuda(GpuDevice device) =>
        string.Create(CultureInfo.InvariantCulture, $"{device.DriverVersion / 1000}.{device.DriverVersion % 1000 / 10}");

    private static void WriteJson(CpuBackend cpu, GpuDevices gpus, PtxCache? cache) => Terminal.Json(writer =>
    {
        (int kernels, long bytes) = cache?.Size() ?? default;
        writer.WriteStartObject();
        writer.WriteStartObject("cpu");
        writer.WriteString("description", cpu.Description);
        writer.WriteNumber("vector_bits", (int)cpu.Width);
        writer.WriteNumber("threads", cpu.Threads);
        writer.WriteNumber("memory_bytes", CpuMemory);
        writer.WriteEndObject();
        writer.WriteStartArray("gpus");
        foreach (FoundGpu gpu in gpus.Found)
        {
            WriteJson(writer, gpu);
        }

        writer.WriteEndArray();
        writer.WriteString("why_no_gpu", gpus.FirstUsable is null ? gpus.WhyNone : null);
        writer.WriteStartObject("kernel_cache");
        writer.WriteString("folder", cache?.Folder);
        writer.WriteNumber("kernels", kernels);
        writer.WriteNumber("bytes", bytes);
        writer.WriteString("why_none_is_added", cache is null ? NoFolder : cache.WhyNoneIsAdded());
        writer.WriteEndObject();
        writer.WriteEndObject();
    });

    private static void WriteJson(Utf8JsonWriter writer, FoundGpu gpu)
    {
        writer.WriteStartObject();
        writer.WriteNumber("index", gpu.Index);
        writer.WriteString("name", gpu.Name);
        if (gpu.Device is GpuDevice device)
        {
            writer.WriteString("compute_capability", Capability(device));
            writer.WriteNumber("multiprocessors", device.Multiprocessors);
            writer.WriteNumber("shared_bytes_per_block", device.SharedBytesPerBlock);
            writer.WriteNumber("memory_bytes", device.TotalBytes);
            writer.WriteString("driver", DriverRelease.OfSystem());
            writer.WriteString("driver_cuda", Cuda(device));
        }

        writer.WriteBoolean("usable", gpu.Refusal is null);
        writer.WriteString("refusal", gpu.Refusal);
        writer.WriteEndObject();
    }
}
