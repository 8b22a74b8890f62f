using System.Runtime.InteropServices;

namespace Palmyra.Gpu.Driver;

/// <summary>Launches that were asked for: kernels, shapes and the bytes of their arguments, in order.</summary>
internal sealed class LaunchList
{
    private readonly List<Entry> _entries = [];
    private readonly List<byte> _arguments = [];

    /// <summary>How many.</summary>
    public int Count => _entries.Count;

    /// <summary>Adds one at the end; its arguments are copied.</summary>
    public void Add(GpuFunction function, in LaunchShape shape, ReadOnlySpan<byte> arguments)
    {
        _entries.Add(new Entry(function, shape, arguments.Length));
        _arguments.AddRange(arguments);
    }

    /// <summary>Whether the other list asks for exactly the same: a replay of one is then the other.</summary>
    public bool IsSame(LaunchList other) =>
        CollectionsMarshal.AsSpan(_entries).SequenceEqual(CollectionsMarshal.AsSpan(other._entries))
        && CollectionsMarshal.AsSpan(_arguments).SequenceEqual(CollectionsMarshal.AsSpan(other._arguments));

    /// <summary>Launches all of it.</summary>
    public void LaunchOn(IGpuDriver driver)
    {
        ReadOnlySpan<byte> arguments = CollectionsMarshal.AsSpan(_arguments);
        foreach (ref readonly Entry entry in CollectionsMarshal.AsSpan(_entries))
        {
            driver.Launch(entry.Function, entry.Shape, arguments[..entry.ArgumentBytes]);
            arguments = arguments[entry.ArgumentBytes..];
        }
    }

    /// <summary>Forgets all; the memory is kept for what comes next.</summary>
    public void Clear()
    {
        _entries.Clear();
        _arguments.Clear();
    }

    private readonly record struct Entry(GpuFunction Function, LaunchShape Shape, int ArgumentBytes);
}
