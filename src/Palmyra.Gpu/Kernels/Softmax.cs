namespace Palmyra.Gpu.Kernels;

/// <summary>
/// One query's softmax so far, spread over a warp: the maximum and the sum are in every lane, values in the lane of their dimensions.
/// </summary>
internal struct Softmax
{
    public float Max;
    public float Sum;

    /// <summary>exp(score − max) of the lane's latest key: its weight before all are divided by their sum.</summary>
    public float Weight;

    /// <summary>Σ weight·value for four of the lane's dimensions.</summary>
    public Float4 Near;

    /// <summary>The same for the other four.</summary>
    public Float4 Far;

    public static Softmax Empty => new() { Max = float.NegativeInfinity };

    /// <summary>Takes one more key a lane, −∞ for one that is not seen, and scales what there is down to the new maximum.</summary>
    public static Softmax Add(Softmax before, float score)
    {
        float max = MathF.Max(before.Max, Reducing.WarpMax(score));
        float from = max > float.NegativeInfinity ? max : 0;
        float weight = Elementary.ExpOfNegative(score - from);
        float kept = Elementary.ExpOfNegative(before.Max - from);
        return new Softmax
        {
            Max = max,
            Sum = (before.Sum * kept) + Reducing.WarpSum(weight),
            Weight = weight,
            Near = before.Near * kept,
            Far = before.Far * kept,
        };
    }
}
