using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Palmyra.Gpu.Driver;

/// <summary>Packs a kernel's parameters in the order it declares them, each at a multiple of its size, as PTX lays them out.</summary>
public struct KernelArguments
{
    // PTX allows 4,096 bytes; our kernels take some dozen parameters.
    private const int Capacity = 256;

    private Buffer _bytes;
    private int _length;

    /// <summary>A 64-bit integer or an address.</summary>
    public KernelArguments Add(long value) => Append(value);

    /// <summary>A 32-bit integer.</summary>
    public KernelArguments Add(int value) => Append(value);

    /// <summary>A float.</summary>
    public KernelArguments Add(float value) => Append(value);

    /// <summary>ILGPU's view of memory: its address and its length in elements.</summary>
    public KernelArguments AddView(nint address, long length) => Append((long)address).Append(length);

    /// <summary>The bytes packed so far.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Bytes => MemoryMarshal.CreateReadOnlySpan(in _bytes.First, _length);

    private KernelArguments Append<T>(T value)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        int at = (_length + size - 1) / size * size;
        if (at + size > Capacity)
        {
            throw new InvalidOperationException($"A kernel's parameters take at most {Capacity} bytes.");
        }

        MemoryMarshal.Write(MemoryMarshal.CreateSpan(ref _bytes.First, Capacity)[at..], in value);
        _length = at + size;
        return this;
    }

    [InlineArray(Capacity)]
    private struct Buffer
    {
        public byte First;
    }
}
