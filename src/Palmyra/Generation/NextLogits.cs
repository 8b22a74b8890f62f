namespace Palmyra.Generation;

/// <summary>What a step brought back of the logits after a sequence's last token: all, or the largest alone.</summary>
internal readonly ref struct NextLogits
{
    /// <summary>All.</summary>
    public NextLogits(Span<float> all) => All = all;

    /// <summary>The largest alone.</summary>
    public NextLogits(LargestLogits largest) => Largest = largest;

    /// <summary>V numbers, to be changed at will; empty if only the largest are here.</summary>
    public Span<float> All { get; }

    /// <summary>The largest, if they are enough for the job (<see cref="GenerationJob.IsEnough"/>).</summary>
    public LargestLogits Largest { get; }
}
