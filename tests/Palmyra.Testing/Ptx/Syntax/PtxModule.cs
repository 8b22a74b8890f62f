using System.Collections.Concurrent;

namespace Palmyra.Testing.Ptx.Syntax;

/// <summary>A parsed text: its kernels, its functions and what it needs from the device.</summary>
internal sealed class PtxModule
{
    // Tests load the same kernels again and again, into a new driver each time.
    private static readonly ConcurrentDictionary<string, PtxModule> Parsed = new();

    /// <summary>What .version says, times ten: 80 for 8.0; 0 where it is missing.</summary>
    public int Version { get; set; }

    /// <summary>Bits of an address; 0 where .address_size is missing.</summary>
    public int AddressSize { get; set; }

    /// <summary>Compute capability that .target asks for, times ten: 80 for sm_80.</summary>
    public int Target { get; set; }

    /// <summary>Kernels by name.</summary>
    public Dictionary<string, PtxEntry> Entries { get; } = [];

    /// <summary>Functions by name.</summary>
    public Dictionary<string, PtxEntry> Functions { get; } = [];

    /// <summary>Shared variables declared outside every kernel: ILGPU's dynamic shared memory.</summary>
    public List<VariableDeclaration> Variables { get; } = [];

    /// <summary>Parses a text, or finds it among those already parsed.</summary>
    /// <param name="kernel">Named in failures.</param>
    /// <param name="text">PTX.</param>
    public static PtxModule Of(string kernel, string text) => Parsed.GetOrAdd(text, _ => new PtxParser(kernel, text).Parse());
}
