using Palmyra.Gpu.Driver;

namespace Palmyra.Testing.Ptx;

/// <summary>What <see cref="PtxDriver"/> recorded.</summary>
/// <param name="steps">What is done again.</param>
/// <param name="giveBack">Frees the memory whose freeing was asked for during the recording, which names its addresses.</param>
internal sealed class PtxGraph(IReadOnlyList<Action> steps, Action giveBack) : GpuGraph
{
    /// <summary>What is done again; null once it was given back.</summary>
    public IReadOnlyList<Action>? Steps { get; private set; } = steps;

    public override void Dispose()
    {
        if (Steps is not null)
        {
            Steps = null;
            giveBack();
        }
    }
}
