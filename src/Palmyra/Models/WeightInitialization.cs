namespace Palmyra.Models;

/// <summary>How a fresh model fills a tensor (transformers' <c>_init_weights</c>).</summary>
public enum WeightInitialization
{
    /// <summary>Normal with mean 0 and the configuration's initializer range.</summary>
    Normal,

    /// <summary>As <see cref="Normal"/>, divided by √(2L): GPT-2's projections into the residual stream.</summary>
    NormalOverDepth,

    /// <summary>Zero: biases.</summary>
    Zero,

    /// <summary>One: norm gains.</summary>
    One,
}
