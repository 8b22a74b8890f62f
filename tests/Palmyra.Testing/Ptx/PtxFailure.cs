namespace Palmyra.Testing.Ptx;

/// <summary>A kernel did something wrong, or is no PTX that the interpreter knows: where, and what.</summary>
public sealed class PtxFailure : Exception
{
    /// <summary>Creates a failure met while reading a kernel.</summary>
    public PtxFailure(string kernel, int line, string instruction, string reason)
        : base($"{kernel}, line {line}, \"{instruction}\": {reason}")
    {
        Kernel = kernel;
        Line = line;
        Instruction = instruction;
        Reason = reason;
    }

    /// <summary>Creates a failure met while running it.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="line">The line of its text.</param>
    /// <param name="instruction">The instruction as written.</param>
    /// <param name="block">The block's x and y.</param>
    /// <param name="thread">The thread within the block.</param>
    /// <param name="reason">A sentence without its full stop.</param>
    public PtxFailure(string kernel, int line, string instruction, (int X, int Y) block, int thread, string reason)
        : base($"{kernel}, line {line}, \"{instruction}\", block ({block.X}, {block.Y}), thread {thread}: {reason}")
    {
        Kernel = kernel;
        Line = line;
        Instruction = instruction;
        Reason = reason;
    }

    /// <summary>The kernel's name.</summary>
    public string Kernel { get; }

    /// <summary>The line in the kernel's text, from 1.</summary>
    public int Line { get; }

    /// <summary>The instruction as written.</summary>
    public string Instruction { get; }

    /// <summary>What is wrong.</summary>
    public string Reason { get; }
}
