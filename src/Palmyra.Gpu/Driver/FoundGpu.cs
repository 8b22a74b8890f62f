namespace Palmyra.Gpu.Driver;

/// <summary>A GPU that the driver reports.</summary>
/// <param name="Index">The driver's number for it.</param>
/// <param name="Name">Its product name; empty where the driver does not tell.</param>
/// <param name="Device">What it is; null where the driver does not tell.</param>
/// <param name="Refusal">Why it cannot be used, a sentence; null if it can.</param>
public sealed record FoundGpu(int Index, string Name, GpuDevice? Device, string? Refusal);
