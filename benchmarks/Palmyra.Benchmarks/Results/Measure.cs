namespace Palmyra.Benchmarks.Results;

/// <summary>What the numbers of a <see cref="ResultRow"/> are.</summary>
internal enum Measure
{
    /// <summary>A share of a limit, 1 being all of it.</summary>
    Share,

    /// <summary>How many times another's speed.</summary>
    Times,

    /// <summary>Bytes.</summary>
    Bytes,

    /// <summary>Seconds.</summary>
    Seconds,
}
