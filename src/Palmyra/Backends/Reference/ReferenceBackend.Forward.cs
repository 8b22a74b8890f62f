namespace Palmyra.Backends.Reference;

// The forward operations, in the order of IBackend.Forward.cs. Every sum runs in double and in index order.
public sealed partial class ReferenceBackend
{
    /// <inheritdoc/>
    public void Embed(Tensor y, Matrix tokens, Matrix? positions, PreparedBatch batch)
    {
        for (int r = 0; r < batch.Source.Rows; r++)
        {
            Span<float> row = Of(y).Row(r);
            Of(tokens).Row(batch.Source.Tokens[r]).CopyTo(row);
            if (positions is not null)
            {
                ReadOnlySpan<float> position = Of(positions).Row(batch.Source.Positions[r]);
                for (int c = 0; c < row.Length; c++)
                {
                    row[c] += position[c];
                }
            }
        }
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor y, Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor? stats)
    {
        ReadOnlySpan<float> g = Of(gain).Data;
        ReadOnlySpan<float> b = Of(bias).Data;
        for (int r = 0; r < x.Rows; r++)
        {
            ReadOnlySpan<float> input = Of(x).Row(r);
            Span<float> output = Of(y).Row(r);
            double mean = 0;
            foreach (float value in input)
            {
                mean += value;
            }

            mean /= input.Length;
            double variance = 0;
            foreach (float value in input)
            {
                variance += (value - mean) * (value - mean);
            }

            double inverse = 1 / Math.Sqrt((variance / input.Length) + epsilon);
            for (int c = 0; c < input.Length; c++)
            {
                output[c] = (float)(((input[c] - mean) * inverse * g[c]) + b[c]);
            }

            if (stats is not null)
            {
                Of(stats).Row(r)[0] = (float)mean;
                Of(stats).Row(r)[1] = (float)inverse;
            }
        }
    }

    /// <inheritdoc/>
    public void Linear(Tensor y, Tensor x, Matrix w, Tensor? bias, Activation activation, Tensor? residual)
    {
        for (int r = 0; r < x.Rows; r++)
        {
            ReadOnlySpan<float> input = Of(x).Row(r);
            Span<float> output = Of(y).Row(r);
            for (int o = 0; o < w.Rows; o++)
            {
                double sum = Dot(input, Of(w).Row(o)) + (bias is null ? 0 : Of(bias).Data[o]);
                double value = Apply(activation, sum);
                output[o] = (float)(residual is null ? value : value + Of(residual).Row(r)[o]);
            }
        }
    }

    /// <inheritdoc/>
    public void Activate(Tensor y, Tensor x, Activation activation)
    {
        for (int i = 0; i < Of(x).Data.Length; i++)
        {
            Of(y).Data[i] = (float)Apply(activation, Of(x).Data[i]);
        }
    }

    /// <inheritdoc/>
    public void Rotate(Tensor qkv, PreparedBatch batch, AttentionShape shape, int dims)
    {
        for (int r = 0; r < batch.Source.Rows; r++)
        {
            for (int head = 0; head < 2 * shape.Heads; head++)
            {
                Span<float> part = Of(qkv).Row(r).Slice(head * shape.HeadDim, dims);
                for (int i = 0; i < dims; i += 2)
                {
                    double angle = batch.Source.Positions[r] * Math.Pow(10000, -(double)i / dims);
                    (double sin, double cos) = Math.SinCos(angle);
                    (float even, float odd) = (part[i], part[i + 1]);
                    part[i] = (float)((even * cos) - (odd * sin));
                    part[i + 1] = (float)((odd * cos) + (even * sin));
                }
            }
        }
    }

    /// <inheritdoc/>
    public void StoreKeysValues(KvCache cache, int layer, Tensor qkv, PreparedBatch batch)
    {
        int width = cache.Heads * cache.HeadDim;
        foreach (BatchSequence sequence in batch.Source.Sequences)
        {
            ReadOnlySpan<int> pages = batch.Source.PagesOf(sequence);
            for (int i = 0; i < sequence.Count; i++)
            {
                (int page, int slot) = Math.DivRem(sequence.Past + i, cache.PageSize);
                ReadOnlySpan<float> row = Of(qkv).Row(sequence.FirstRow + i);
                Of(cache).Store(row.Slice(width, width), Of(cache).Key(layer, pages[page], slot));
                Of(cache).Store(row.Slice(2 * width, width), Of(cache).Value(layer, pages[page], slot));
            }
        }
    }

    /// <inheritdoc/>
    public void Attend(Tensor y, Tensor qkv, KvCache? cache, int layer, PreparedBatch batch, AttentionShape shape, Tensor? logSum)
    {
        double[] scores = [];
        foreach (BatchSequence sequence in batch.Source.Sequences)
        {
            for (int i = 0; i < sequence.Count; i++)
            {
                int row = sequence.FirstRow + i;
                int last = sequence.Past + i;
                int first = shape.Window > 0 ? Math.Max(0, last - shape.Window + 1) : 0;
                if (scores.Length <= last)
                {
                    scores = new double[2 * (last + 1)];
                }

                for (int head = 0; head < shape.Heads; head++)
                {
                    int at = head * shape.HeadDim;
                    ReadOnlySpan<float> query = Of(qkv).Row(row).Slice(at, shape.HeadDim);
                    double max = double.NegativeInfinity;
                    for (int t = first; t <= last; t++)
                    {
                        ReadOnlySpan<float> key = Keys(qkv, cache, layer, batch.Source, sequence, t, shape.Width);
                        scores[t] = Dot(query, key.Slice(at, shape.HeadDim)) * shape.Scale;
                        max = Math.Max(max, scores[t]);
                    }

                    double total = 0;
                    for (int t = first; t <= last; t++)
                    {
                        scores[t] = Math.Exp(scores[t] - max);
                        total += scores[t];
                    }

                    Span<float> output = Of(y).Row(row).Slice(at, shape.HeadDim);
                    for (int d = 0; d < output.Length; d++)
                    {
                        double sum = 0;
                        for (int t = first; t <= last; t++)
                        {
                            sum += scores[t] * Values(qkv, cache, layer, batch.Source, sequence, t, shape.Width)[at + d];
                        }

                        output[d] = (float)(sum / total);
                    }

                    if (logSum is not null)
                    {
                        Of(logSum).Row(row)[head] = (float)(max + Math.Log(total));
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    public void GatherRows(Tensor y, Tensor x, ReadOnlySpan<int> rows)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            Of(x).Row(rows[i]).CopyTo(Of(y).Row(i));
        }
    }

    /// <inheritdoc/>
    public void Score(Tensor logProb, Tensor? best, Tensor x, Matrix head, Tensor? bias, ReadOnlySpan<int> targets)
    {
        var logits = new double[head.Rows];
        for (int r = 0; r < x.Rows; r++)
        {
            int argmax = 0;
            for (int o = 0; o < head.Rows; o++)
            {
                logits[o] = Dot(Of(x).Row(r), Of(head).Row(o)) + (bias is null ? 0 : Of(bias).Data[o]);
                argmax = logits[o] > logits[argmax] ? o : argmax;
            }

            double total = 0;
            foreach (double logit in logits)
            {
                total += Math.Exp(logit - logits[argmax]);
            }

            Of(logProb).Row(r)[0] = (float)(logits[targets[r]] - logits[argmax] - Math.Log(total));
            if (best is not null)
            {
                Of(best).Row(r)[0] = argmax;
            }
        }
    }

    /// <inheritdoc/>
    public void Top(Tensor top, Tensor logits)
    {
        int count = top.Cols / 3;
        for (int r = 0; r < logits.Rows; r++)
        {
            float[] z = Of(logits).Row(r).ToArray();
            Span<float> row = Of(top).Row(r);
            float max = float.NegativeInfinity;
            double sum = 0;
            foreach (float logit in z)
            {
                max = MathF.Max(max, logit);
            }

            foreach (float logit in z)
            {
                sum += Math.Exp((double)logit - max);
            }

            int[] ids = [.. Enumerable.Range(0, z.Length)];
            Array.Sort(ids, (a, b) => z[a] != z[b] ? z[b].CompareTo(z[a]) : a.CompareTo(b));
            double logSum = max + Math.Log(sum);
            bool known = float.IsFinite(max);
            for (int i = 0; i < count; i++)
            {
                // Adding zero turns −0 into +0.
                row[i] = known ? z[ids[i]] + 0f : float.NaN;
                row[count + i] = known ? ids[i] : float.NaN;
                row[(2 * count) + i] = known ? (float)(z[ids[i]] - logSum) : float.NaN;
            }
        }
    }

    /// <summary>An activation by its definition.</summary>
    internal static double Apply(Activation activation, double x) => activation switch
    {
        Activation.None => x,
        Activation.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        Activation.GeluErf => 0.5 * x * ErrorFunction.Complement(-x / Math.Sqrt(2)),
        Activation.QuickGelu => x / (1 + Math.Exp(-1.702 * x)),
        Activation.Relu => Math.Max(x, 0),
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.Tanh => Math.Tanh(x),
        _ => throw new ArgumentOutOfRangeException(nameof(activation)),
    };

    private static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += (double)a[i] * b[i];
        }

        return sum;
    }

    private static ReadOnlySpan<float> Keys(Tensor qkv, KvCache? cache, int layer, Batch batch, in BatchSequence sequence, int t, int width)
    {
        if (cache is null)
        {
            return Of(qkv).Row(sequence.FirstRow + t).Slice(width, width);
        }

        return Of(cache).Key(layer, batch.PagesOf(sequence)[t / cache.PageSize], t % cache.PageSize);
    }

    private static ReadOnlySpan<float> Values(Tensor qkv, KvCache? cache, int layer, Batch batch, in BatchSequence sequence, int t, int width)
    {
        if (cache is null)
        {
            return Of(qkv).Row(sequence.FirstRow + t).Slice(2 * width, width);
        }

        return Of(cache).Value(layer, batch.PagesOf(sequence)[t / cache.PageSize], t % cache.PageSize);
    }
}
