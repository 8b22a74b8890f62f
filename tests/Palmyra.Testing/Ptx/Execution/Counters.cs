namespace Palmyra.Testing.Ptx.Execution;

/// <summary>Counts during a launch.</summary>
internal sealed class Counters(int instructions)
{
    private readonly long[] _conflicts = new long[instructions];

    public long Instructions;
    public long ThreadInstructions;
    public long TensorOperations;
    public long GlobalBytesRead;
    public long GlobalBytesWritten;
    public long SectorsRead;
    public long SectorsWritten;

    public void CountConflicts(int instruction, int conflicts) => _conflicts[instruction] += conflicts;

    public PtxStatistics ToStatistics(Program program) => new()
    {
        Kernel = program.Name,
        Launches = 1,
        Instructions = Instructions,
        ThreadInstructions = ThreadInstructions,
        TensorOperations = TensorOperations,
        GlobalBytesRead = GlobalBytesRead,
        GlobalBytesWritten = GlobalBytesWritten,
        SectorsRead = SectorsRead,
        SectorsWritten = SectorsWritten,
        BankConflicts = _conflicts.Sum(),
        BankConflictsByInstruction = Enumerable.Range(0, _conflicts.Length).Where(i => _conflicts[i] > 0)
            .GroupBy(i => $"line {program.Code[i].Line}: {program.Code[i].Text}")
            .ToDictionary(group => group.Key, group => group.Sum(i => _conflicts[i])),
    };
}
