using Palmyra.Gpu.Driver;

namespace Palmyra.Testing.Ptx;

/// <summary>What <see cref="PtxDriver"/> recorded.</summary>
internal sealed class PtxGraph(IReadOnlyList<Action> steps) : GpuGraph
{
    /// <summary>What is done again; null once it was given back.</summary>
    public IReadOnlyList<Action>? Steps { get; private set; } = steps;

    public override void Dispose() => Steps = null;
}
