using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Palmyra.Gpu.Driver;

/// <summary>Packs a kernel's parameters in the order it declares them, each at a multiple of its size, as PTX lays them out.</summary>
/// <remarks>Every Add changes this object and returns it, so that calls can be chained or made one by one.</remarks>
public struct KernelArguments
{
    // PTX allows 4,096 bytes; our kernels take up to some thirty parameters.
    private const int Capacity = 384;

    private Buffer _bytes;
    private int _length;

    /// <summary>A 64-bit integer or an address.</summary>
    [UnscopedRef]
    public ref KernelArguments Add(long value) => ref Append(value);

    /// <summary>A 32-bit integer.</summary>
    [UnscopedRef]
    public ref KernelArguments Add(int value) => ref Append(value);

    /// <summary>A float.</summary>
    [UnscopedRef]
    public ref KernelArguments Add(float value) => ref Append(value);

    /// <summary>ILGPU's view of memory: its address and its length in elements.</summary>
    [UnscopedRef]
    public ref KernelArguments AddView(nint address, long length) => ref Append((long)address).Append(length);

    /// <summary>The bytes packed so far.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Bytes => MemoryMarshal.CreateReadOnlySpan(in _bytes.First, _length);

    [UnscopedRef]
    private ref KernelArguments Append<T>(T value)
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
        return ref this;
    }

    [InlineArray(Capacity)]
    private struct Buffer
    {
        public byte First;
    }
}
