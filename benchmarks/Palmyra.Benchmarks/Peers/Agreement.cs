namespace Palmyra.Benchmarks.Peers;

/// <summary>Whether a product is the right one: nobody's speed counts before it is.</summary>
internal static class Agreement
{
    /// <summary>‖found − exact‖ / ‖exact‖ over the last row, exact being sums in double.</summary>
    /// <param name="shape">The matrix.</param>
    /// <param name="weights">[outputs, inputs].</param>
    /// <param name="x">[rows, inputs].</param>
    /// <param name="found">[rows, outputs].</param>
    public static double Error(NamedShape shape, float[] weights, float[] x, float[] found)
    {
        ReadOnlySpan<float> row = x.AsSpan(x.Length - shape.Inputs);
        ReadOnlySpan<float> outputs = found.AsSpan(found.Length - shape.Outputs);
        double apart = 0, length = 0;
        for (int n = 0; n < shape.Outputs; n++)
        {
            ReadOnlySpan<float> w = weights.AsSpan(n * shape.Inputs, shape.Inputs);
            double exact = 0;
            for (int k = 0; k < w.Length; k++)
            {
                exact += (double)row[k] * w[k];
            }

            apart += (outputs[n] - exact) * (outputs[n] - exact);
            length += exact * exact;
        }

        return Math.Sqrt(apart / length);
    }
}
