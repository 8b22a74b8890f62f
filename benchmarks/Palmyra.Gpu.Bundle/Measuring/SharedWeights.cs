using Palmyra.Checkpoints;
using Palmyra.Models;

namespace Palmyra.Gpu.Bundle.Measuring;

/// <summary>
/// Random weights that tensors of one shape share: GPT-J's 6 billion numbers take 360 million, filled within seconds. Speed does not depend on
/// them; every layer has the same.
/// </summary>
/// <param name="config">The model.</param>
internal sealed class SharedWeights(ModelConfig config)
{
    private readonly RandomWeights _weights = new(config, seed: 1);
    private readonly Dictionary<(int Rows, int Cols, WeightInitialization Initialization), WeightView> _views = [];

    /// <summary>The view of a tensor, for <see cref="TransformerLoader.Load"/>.</summary>
    public WeightView View(WeightEntry entry)
    {
        (int Rows, int Cols, WeightInitialization Initialization) shape = (entry.Rows, entry.Cols, entry.Initialization);
        if (!_views.TryGetValue(shape, out WeightView? view))
        {
            view = _weights.View(entry);
            _views.Add(shape, view);
        }

        return view;
    }
}
