namespace Palmyra.Testing.Ptx;

/// <summary>What a kernel's launches did.</summary>
public sealed record PtxStatistics
{
    /// <summary>The kernel.</summary>
    public required string Kernel { get; init; }

    /// <summary>How often it was launched.</summary>
    public int Launches { get; init; }

    /// <summary>Instructions executed, a warp's counting once.</summary>
    public long Instructions { get; init; }

    /// <summary>Instructions executed, each lane's counting once.</summary>
    public long ThreadInstructions { get; init; }

    /// <summary>mma instructions, a warp's counting once.</summary>
    public long TensorOperations { get; init; }

    /// <summary>Bytes that lanes read from global memory.</summary>
    public long GlobalBytesRead { get; init; }

    /// <summary>Bytes that lanes wrote to global memory.</summary>
    public long GlobalBytesWritten { get; init; }

    /// <summary>Sectors of 32 bytes that warps' reads touched.</summary>
    public long SectorsRead { get; init; }

    /// <summary>Sectors of 32 bytes that warps' writes touched.</summary>
    public long SectorsWritten { get; init; }

    /// <summary>Extra passes over shared memory because lanes of a request wanted different words of one bank.</summary>
    public long BankConflicts { get; init; }

    /// <summary>The extra passes by instruction: "line 12: ld.shared.f32 %f1, [%rd1]".</summary>
    public IReadOnlyDictionary<string, long> BankConflictsByInstruction { get; init; } = new Dictionary<string, long>();

    /// <summary>Bytes read a byte of the sectors touched: 1 where warps read side by side, more where lanes share what they read.</summary>
    public double ReadEfficiency => SectorsRead == 0 ? 1 : GlobalBytesRead / (32.0 * SectorsRead);

    /// <summary>Bytes written a byte of the sectors touched.</summary>
    public double WriteEfficiency => SectorsWritten == 0 ? 1 : GlobalBytesWritten / (32.0 * SectorsWritten);

    /// <summary>Both together, under the first one's name.</summary>
    public static PtxStatistics operator +(PtxStatistics a, PtxStatistics b) => new()
    {
        Kernel = a.Kernel,
        Launches = a.Launches + b.Launches,
        Instructions = a.Instructions + b.Instructions,
        ThreadInstructions = a.ThreadInstructions + b.ThreadInstructions,
        TensorOperations = a.TensorOperations + b.TensorOperations,
        GlobalBytesRead = a.GlobalBytesRead + b.GlobalBytesRead,
        GlobalBytesWritten = a.GlobalBytesWritten + b.GlobalBytesWritten,
        SectorsRead = a.SectorsRead + b.SectorsRead,
        SectorsWritten = a.SectorsWritten + b.SectorsWritten,
        BankConflicts = a.BankConflicts + b.BankConflicts,
        BankConflictsByInstruction = a.BankConflictsByInstruction.Concat(b.BankConflictsByInstruction)
            .GroupBy(one => one.Key).ToDictionary(group => group.Key, group => group.Sum(one => one.Value)),
    };
}
