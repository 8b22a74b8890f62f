using System.Runtime.InteropServices;

namespace Palmyra.Testing.Ptx.Execution;

/// <summary>
/// Global memory. Addresses are the interpreter's own and are never used again, so that an address tells for ever which allocation it
/// belonged to: an access past the end, before the start or after the release finds no live allocation around all of its bytes.
/// </summary>
internal sealed unsafe class DeviceMemory : IDisposable
{
    private const ulong FirstAddress = 0x2_0000_0000;

    // A gap behind each allocation catches an index that runs over; allocations are aligned to 256 as cuMemAlloc's are.
    private const ulong Gap = 4096;
    private const ulong Alignment = 256;
    private const long LargestFilled = 64 << 20;

    private readonly List<Allocation> _allocations = [];
    private ulong _next = FirstAddress;
    private Allocation? _last;

    /// <summary>Allocations not yet given back.</summary>
    public int Live { get; private set; }

    /// <summary>
    /// Allocates; the content is all ones, a NaN in every format, so that reading it before writing shows. Large allocations stay as they are,
    /// since a backend may ask for most of the device's memory and use a little of it.
    /// </summary>
    public ulong Allocate(long bytes)
    {
        ulong length = (ulong)bytes;
        var allocation = new Allocation(_next, length, (byte*)NativeMemory.AlignedAlloc((nuint)bytes, (nuint)Alignment));
        if (bytes <= LargestFilled)
        {
            NativeMemory.Fill(allocation.Bytes, (nuint)bytes, 0xFF);
        }

        _allocations.Add(allocation);
        _next = (_next + length + Gap + Alignment - 1) / Alignment * Alignment;
        Live++;
        return allocation.Address;
    }

    /// <summary>Whether a live allocation starts at an address.</summary>
    public bool StartsAt(ulong address) => Around(address) is Allocation allocation && allocation.Address == address && allocation.Bytes is not null;

    /// <summary>Gives memory back.</summary>
    /// <returns>Its size; null if no live allocation starts there.</returns>
    public long? Free(ulong address)
    {
        Allocation? allocation = Around(address);
        if (allocation is null || allocation.Address != address || allocation.Bytes is null)
        {
            return null;
        }

        allocation.Release();
        Live--;
        return (long)allocation.Length;
    }

    /// <summary>Finds the host's bytes for a range of addresses; null unless one live allocation holds all of it.</summary>
    public byte* Find(ulong address, ulong length)
    {
        Allocation? allocation = _last;
        if (allocation is null || address - allocation.Address >= allocation.Length)
        {
            allocation = Around(address);
            if (allocation is null)
            {
                return null;
            }

            _last = allocation;
        }

        ulong offset = address - allocation.Address;
        return allocation.Bytes is null || offset + length > allocation.Length ? null : allocation.Bytes + offset;
    }

    /// <summary>Says, for people, what is wrong with a range that <see cref="Find"/> does not find.</summary>
    public string Describe(ulong address, ulong length)
    {
        Allocation? before = _allocations.LastOrDefault(allocation => allocation.Address <= address);
        string what = $"address 0x{address:x} ({length} bytes) ";
        if (before is null)
        {
            return what + "lies before every allocation";
        }

        string where = $"the allocation of {before.Length} bytes at 0x{before.Address:x}";
        ulong offset = address - before.Address;
        return what + (before.Bytes is null && offset < before.Length ? $"lies in {where}, which was freed"
            : offset < before.Length ? $"runs across the end of {where}"
            : $"lies {offset - before.Length} bytes behind {where}");
    }

    public void Dispose()
    {
        foreach (Allocation allocation in _allocations)
        {
            allocation.Release();
        }

        _allocations.Clear();
    }

    private Allocation? Around(ulong address)
    {
        int low = 0;
        for (int high = _allocations.Count; low < high;)
        {
            int middle = (low + high) / 2;
            if (_allocations[middle].Address <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low > 0 && address - _allocations[low - 1].Address < _allocations[low - 1].Length ? _allocations[low - 1] : null;
    }

    private sealed class Allocation(ulong address, ulong length, byte* bytes)
    {
        public ulong Address { get; } = address;

        public ulong Length { get; } = length;

        public byte* Bytes { get; private set; } = bytes;

        public void Release()
        {
            NativeMemory.AlignedFree(Bytes);
            Bytes = null;
        }
    }
}
