using System.Runtime.InteropServices;
using Palmyra.Gpu.Driver;

namespace Palmyra.Gpu.Tests.Ptx;

/// <summary>Arrays on the device.</summary>
internal static class DriverExtensions
{
    /// <summary>Allocates and copies.</summary>
    public static nint Upload<T>(this IGpuDriver driver, T[] values)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes<T>(values);
        nint address = driver.Allocate(bytes.Length);
        driver.CopyIn(address, bytes);
        return address;
    }

    /// <summary>Copies back.</summary>
    public static T[] Download<T>(this IGpuDriver driver, nint address, int count)
        where T : unmanaged
    {
        var values = new T[count];
        driver.CopyOut(MemoryMarshal.AsBytes(values.AsSpan()), address);
        return values;
    }
}
