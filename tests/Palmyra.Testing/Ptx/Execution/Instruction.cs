namespace Palmyra.Testing.Ptx.Execution;

/// <summary>One translated instruction, executed for all lanes of a warp at once. It holds no state: any number of launches share it.</summary>
internal abstract class Instruction
{
    /// <summary>Line of the text.</summary>
    public int Line { get; set; }

    /// <summary>As written.</summary>
    public string Text { get; set; } = string.Empty;

    /// <summary>The predicate that lanes must hold; null for all lanes.</summary>
    public Guard? Guard { get; set; }

    /// <summary>Does it.</summary>
    /// <param name="warp">The warp, whose program counter already points behind this instruction.</param>
    /// <param name="lanes">A bit for each lane that does it, at least one.</param>
    public abstract void Execute(Warp warp, uint lanes);
}
