using System.Runtime.CompilerServices;
using Palmyra.Checkpoints;

namespace Palmyra.Backends;

/// <summary>A backend that verifies every argument and then passes the call on to the real one.</summary>
/// <remarks>
/// Shape rules live here, once, for all backends. A violated rule is an <see cref="ArgumentException"/> that names the operation, the
/// argument, what was expected and what was found. Checks read only sizes, so they cost nanoseconds beside the operations.
/// </remarks>
/// <param name="inner">The backend that does the work; disposed with this one.</param>
public sealed class CheckedBackend(IBackend inner) : IBackend
{
    /// <summary>The backend that does the work.</summary>
    public IBackend Inner { get; } = inner;

    /// <inheritdoc/>
    public string Description => Inner.Description;

    /// <inheritdoc/>
    public int PreferredPageSize => Inner.PreferredPageSize;

    /// <inheritdoc/>
    public Tensor Allocate(int rows, int cols)
    {
        Positive(nameof(Allocate), nameof(rows), rows);
        Positive(nameof(Allocate), nameof(cols), cols);
        return Inner.Allocate(rows, cols);
    }

    /// <inheritdoc/>
    public void Write(Tensor tensor, ReadOnlySpan<float> values)
    {
        Require((long)tensor.Rows * tensor.Cols == values.Length, nameof(Write), nameof(values), $"{tensor.Rows} x {tensor.Cols} numbers", $"{values.Length}");
        Inner.Write(tensor, values);
    }

    /// <inheritdoc/>
    public void Read(Tensor tensor, Span<float> destination)
    {
        Require((long)tensor.Rows * tensor.Cols == destination.Length, nameof(Read), nameof(destination), $"room for {tensor.Rows} x {tensor.Cols} numbers", $"{destination.Length}");
        Inner.Read(tensor, destination);
    }

    /// <inheritdoc/>
    public Matrix LoadMatrix(WeightView weight, MatrixFormat format) => Inner.LoadMatrix(weight, format);

    /// <inheritdoc/>
    public void ReadMatrix(Matrix matrix, Span<float> destination)
    {
        Require((long)matrix.Rows * matrix.Cols == destination.Length, nameof(ReadMatrix), nameof(destination), $"room for {matrix.Rows} x {matrix.Cols} numbers", $"{destination.Length}");
        Inner.ReadMatrix(matrix, destination);
    }

    /// <inheritdoc/>
    public KvCache CreateKvCache(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format)
    {
        Positive(nameof(CreateKvCache), nameof(pages), pages);
        Require(pageSize > 0 && pageSize % 16 == 0, nameof(CreateKvCache), nameof(pageSize), $"a positive multiple of 16", $"{pageSize}");
        Require(Enum.IsDefined(format), nameof(CreateKvCache), nameof(format), $"F32, F16 or Q8", $"{format}");
        return Inner.CreateKvCache(layers, heads, headDim, pages, pageSize, format);
    }

    /// <inheritdoc/>
    public void CopyPage(KvCache cache, int destination, int source)
    {
        Index(nameof(CopyPage), nameof(destination), destination, cache.Pages);
        Index(nameof(CopyPage), nameof(source), source, cache.Pages);
        Inner.CopyPage(cache, destination, source);
    }

    /// <inheritdoc/>
    public void ReadPage(KvCache cache, int page, Span<float> destination)
    {
        Index(nameof(ReadPage), nameof(page), page, cache.Pages);
        Require(destination.Length == cache.PageLength, nameof(ReadPage), nameof(destination), $"room for {cache.PageLength} numbers", $"{destination.Length}");
        Inner.ReadPage(cache, page, destination);
    }

    /// <inheritdoc/>
    public void WritePage(KvCache cache, int page, ReadOnlySpan<float> values)
    {
        Index(nameof(WritePage), nameof(page), page, cache.Pages);
        Require(values.Length == cache.PageLength, nameof(WritePage), nameof(values), $"{cache.PageLength} numbers", $"{values.Length}");
        Inner.WritePage(cache, page, values);
    }

    /// <inheritdoc/>
    public PreparedBatch Prepare(Batch batch, PreparedBatch? reuse)
    {
        Require(batch.Rows > 0, nameof(Prepare), nameof(batch), $"at least one row", $"none");
        return Inner.Prepare(batch, reuse);
    }

    /// <inheritdoc/>
    public void Synchronize() => Inner.Synchronize();

    /// <inheritdoc/>
    public void Embed(Tensor y, Matrix tokens, Matrix? positions, PreparedBatch batch)
    {
        Shape(nameof(Embed), nameof(y), y, batch.Source.Rows, tokens.Cols);
        Require(positions is null || positions.Cols == tokens.Cols, nameof(Embed), nameof(positions), $"{tokens.Cols} columns", $"{positions?.Cols}");
        for (int r = 0; r < batch.Source.Rows; r++)
        {
            Index(nameof(Embed), "token id", batch.Source.Tokens[r], tokens.Rows);
            if (positions is not null)
            {
                Index(nameof(Embed), "position", batch.Source.Positions[r], positions.Rows);
            }
        }

        Inner.Embed(y, tokens, positions, batch);
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor y, Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor? stats)
    {
        Shape(nameof(LayerNorm), nameof(y), y, x.Rows, x.Cols);
        Shape(nameof(LayerNorm), nameof(gain), gain, 1, x.Cols);
        Shape(nameof(LayerNorm), nameof(bias), bias, 1, x.Cols);
        Optional(nameof(LayerNorm), nameof(stats), stats, x.Rows, 2);
        Require(epsilon > 0, nameof(LayerNorm), nameof(epsilon), $"a positive number", $"{epsilon}");
        Inner.LayerNorm(y, x, gain, bias, epsilon, stats);
    }

    /// <inheritdoc/>
    public void Linear(Tensor y, Tensor x, Matrix w, Tensor? bias, Activation activation, Tensor? residual)
    {
        Require(x.Cols == w.Cols, nameof(Linear), nameof(x), $"{w.Cols} columns (the inputs of w)", $"{x.Cols}");
        Shape(nameof(Linear), nameof(y), y, x.Rows, w.Rows);
        Optional(nameof(Linear), nameof(bias), bias, 1, w.Rows);
        Optional(nameof(Linear), nameof(residual), residual, x.Rows, w.Rows);
        Require(!ReferenceEquals(y, x), nameof(Linear), nameof(y), $"a tensor other than x", $"the same");
        Inner.Linear(y, x, w, bias, activation, residual);
    }

    /// <inheritdoc/>
    public void Activate(Tensor y, Tensor x, Activation activation)
    {
        Shape(nameof(Activate), nameof(y), y, x.Rows, x.Cols);
        Inner.Activate(y, x, activation);
    }

    /// <inheritdoc/>
    public void Rotate(Tensor qkv, PreparedBatch batch, AttentionShape shape, int dims)
    {
        Shape(nameof(Rotate), nameof(qkv), qkv, batch.Source.Rows, 3 * shape.Width);
        Require(dims > 0 && dims % 2 == 0 && dims <= shape.HeadDim, nameof(Rotate), nameof(dims), $"an even number up to {shape.HeadDim}", $"{dims}");
        Inner.Rotate(qkv, batch, shape, dims);
    }

    /// <inheritdoc/>
    public void StoreKeysValues(KvCache cache, int layer, Tensor qkv, PreparedBatch batch)
    {
        Index(nameof(StoreKeysValues), nameof(layer), layer, cache.Layers);
        Shape(nameof(StoreKeysValues), nameof(qkv), qkv, batch.Source.Rows, 3 * cache.Heads * cache.HeadDim);
        Pages(nameof(StoreKeysValues), cache, batch.Source);
        Inner.StoreKeysValues(cache, layer, qkv, batch);
    }

    /// <inheritdoc/>
    public void Attend(Tensor y, Tensor qkv, KvCache? cache, int layer, PreparedBatch batch, AttentionShape shape, Tensor? logSum)
    {
        Shape(nameof(Attend), nameof(qkv), qkv, batch.Source.Rows, 3 * shape.Width);
        Shape(nameof(Attend), nameof(y), y, qkv.Rows, shape.Width);
        Optional(nameof(Attend), nameof(logSum), logSum, qkv.Rows, shape.Heads);
        Require(shape.Window >= 0, nameof(Attend), "window", $"zero or more", $"{shape.Window}");
        if (cache is null)
        {
            foreach (BatchSequence sequence in batch.Source.Sequences)
            {
                Require(sequence.Past == 0, nameof(Attend), nameof(batch), $"Past = 0 in every sequence, as there is no cache", $"Past = {sequence.Past}");
            }
        }
        else
        {
            Index(nameof(Attend), nameof(layer), layer, cache.Layers);
            Require(cache.Heads == shape.Heads && cache.HeadDim == shape.HeadDim, nameof(Attend), nameof(cache), $"{shape.Heads} heads of {shape.HeadDim}", $"{cache.Heads} of {cache.HeadDim}");
            Pages(nameof(Attend), cache, batch.Source);
        }

        Inner.Attend(y, qkv, cache, layer, batch, shape, logSum);
    }

    /// <inheritdoc/>
    public void GatherRows(Tensor y, Tensor x, ReadOnlySpan<int> rows)
    {
        Shape(nameof(GatherRows), nameof(y), y, rows.Length, x.Cols);
        foreach (int row in rows)
        {
            Index(nameof(GatherRows), "row", row, x.Rows);
        }

        Inner.GatherRows(y, x, rows);
    }

    /// <inheritdoc/>
    public void Score(Tensor logProb, Tensor? best, Tensor x, Matrix head, Tensor? bias, ReadOnlySpan<int> targets)
    {
        Require(x.Cols == head.Cols, nameof(Score), nameof(x), $"{head.Cols} columns (the inputs of the head)", $"{x.Cols}");
        Require(targets.Length == x.Rows, nameof(Score), nameof(targets), $"{x.Rows} ids", $"{targets.Length}");
        Shape(nameof(Score), nameof(logProb), logProb, x.Rows, 1);
        Optional(nameof(Score), nameof(best), best, x.Rows, 1);
        Optional(nameof(Score), nameof(bias), bias, 1, head.Rows);
        foreach (int target in targets)
        {
            Index(nameof(Score), "target", target, head.Rows);
        }

        Inner.Score(logProb, best, x, head, bias, targets);
    }

    /// <inheritdoc/>
    public void Top(Tensor top, Tensor logits)
    {
        Require(logits.Cols <= 1 << 24, nameof(Top), nameof(logits), $"at most {1 << 24} columns, whose numbers floats hold", $"{logits.Cols}");
        int most = Math.Min(logits.Cols, IBackend.MostTop);
        Require(top.Cols % 3 == 0 && top.Cols / 3 <= most, nameof(Top), nameof(top), $"three times 1 to {most} columns", $"{top.Cols}");
        Shape(nameof(Top), nameof(top), top, logits.Rows, top.Cols);
        Inner.Top(top, logits);
    }

    /// <summary>Disposes the backend that does the work.</summary>
    public void Dispose() => Inner.Dispose();

    private static void Pages(string operation, KvCache cache, Batch batch)
    {
        foreach (BatchSequence sequence in batch.Sequences)
        {
            ReadOnlySpan<int> pages = batch.PagesOf(sequence);
            int needed = (sequence.Past + sequence.Count + cache.PageSize - 1) / cache.PageSize;
            Require(pages.Length >= needed, operation, nameof(batch), $"{needed} pages for {sequence.Past + sequence.Count} tokens", $"{pages.Length}");
            foreach (int page in pages)
            {
                Index(operation, "page", page, cache.Pages);
            }
        }
    }

    private static void Shape(string operation, string argument, Tensor tensor, int rows, int cols) =>
        Require(tensor.Rows == rows && tensor.Cols == cols, operation, argument, $"[{rows}, {cols}]", $"[{tensor.Rows}, {tensor.Cols}]");

    private static void Optional(string operation, string argument, Tensor? tensor, int rows, int cols)
    {
        if (tensor is not null)
        {
            Shape(operation, argument, tensor, rows, cols);
        }
    }

    private static void Positive(string operation, string argument, int value) =>
        Require(value > 0, operation, argument, $"a positive number", $"{value}");

    private static void Index(string operation, string argument, int value, int end) =>
        Require((uint)value < (uint)end, operation, argument, $"0 to {end - 1}", $"{value}");

    // Every message is an interpolated string, so that FailureText builds it only when the condition has failed.
    private static void Require(
        bool holds,
        string operation,
        string argument,
        [InterpolatedStringHandlerArgument(nameof(holds))] FailureText expected,
        [InterpolatedStringHandlerArgument(nameof(holds))] FailureText found)
    {
        if (!holds)
        {
            throw new ArgumentException($"{operation}: {argument} was expected to be {expected.Text}; found {found.Text}.", argument);
        }
    }
}
