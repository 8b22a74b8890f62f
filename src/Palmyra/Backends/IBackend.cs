using Palmyra.Checkpoints;

namespace Palmyra.Backends;

/// <summary>
/// A machine that carries out the transformer's operations: the one seam between the graph and the arithmetic.
/// This file is its memory; <c>IBackend.Forward.cs</c> holds the operations.
/// </summary>
/// <remarks>
/// Calls are eager and ordered: each may only enqueue work, and <see cref="Read"/> and <see cref="Synchronize"/> wait for it.
/// Outputs come first, then inputs, weights, settings; nothing is allocated inside an operation. A backend does arithmetic and
/// nothing else: arguments are validated by <c>CheckedBackend</c>. One backend object is used by one thread at a time.
/// </remarks>
public partial interface IBackend : IDisposable
{
    /// <summary>What is running, for people: "cpu (AVX-512, 2 threads)".</summary>
    string Description { get; }

    /// <summary>Tokens a cache page should hold so that this backend's attention runs well.</summary>
    int PreferredPageSize { get; }

    /// <summary>Allocates zeroed rows.</summary>
    /// <exception cref="Diagnostics.BackendException">There is not enough memory.</exception>
    Tensor Allocate(int rows, int cols);

    /// <summary>Copies row-major numbers [tensor.Rows, tensor.Cols] in.</summary>
    void Write(Tensor tensor, ReadOnlySpan<float> values);

    /// <summary>Waits for the work in flight and copies a tensor's rows out, row-major [tensor.Rows, tensor.Cols].</summary>
    void Read(Tensor tensor, Span<float> destination);

    /// <summary>Converts a checkpoint's weight to <paramref name="format"/> and lays it out for this backend, once.</summary>
    /// <exception cref="Diagnostics.BackendException">There is not enough memory, or the format is not supported.</exception>
    Matrix LoadMatrix(WeightView weight, MatrixFormat format);

    /// <summary>Copies the stored values out exactly, row-major [matrix.Rows, matrix.Cols]: for saving and for tests.</summary>
    void ReadMatrix(Matrix matrix, Span<float> destination);

    /// <summary>Reserves a pool of cache pages.</summary>
    /// <param name="layers">Layers L.</param>
    /// <param name="heads">Heads H.</param>
    /// <param name="headDim">Width D of a head.</param>
    /// <param name="pages">Number of pages.</param>
    /// <param name="pageSize">Tokens a page; a multiple of 16.</param>
    /// <param name="format">How numbers are stored; <see cref="CacheFormat"/> says how they are rounded on their way in.</param>
    /// <exception cref="Diagnostics.BackendException">There is not enough memory.</exception>
    KvCache CreateKvCache(int layers, int heads, int headDim, int pages, int pageSize, CacheFormat format);

    /// <summary>Copies page <paramref name="source"/> over page <paramref name="destination"/> in all layers, as stored: how a sequence forks.</summary>
    void CopyPage(KvCache cache, int destination, int source);

    /// <summary>
    /// Copies a page out: per layer keys [pageSize, H·D] then values [pageSize, H·D], as floats in every format. Slots never stored hold any value.
    /// </summary>
    void ReadPage(KvCache cache, int page, Span<float> destination);

    /// <summary>
    /// Copies a page in, in the order of <see cref="ReadPage"/>, and rounds it to the cache's format as storing does; Q8 thus quantises anew.
    /// What <see cref="ReadPage"/> gave is stored without a change in every format.
    /// </summary>
    void WritePage(KvCache cache, int page, ReadOnlySpan<float> values);

    /// <summary>Readies a batch for the operations of one step.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="reuse">What an earlier call returned for the same batch object, to be used again, or null.</param>
    PreparedBatch Prepare(Batch batch, PreparedBatch? reuse);

    /// <summary>Waits until everything enqueued is done.</summary>
    void Synchronize();
}
