using Palmyra.Backends.Cpu.Kernels;
using Palmyra.Diagnostics;

namespace Palmyra.Backends.Cpu;

// Rotation, key and value storing, attention.
public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Rotate(Tensor qkv, PreparedBatch batch, AttentionShape shape, int dims)
    {
        fixed (int* positions = batch.Source.Positions)
        {
            var job = new RotateJob
            {
                Qkv = Of(qkv).Data,
                QkvStride = Of(qkv).Stride,
                Positions = positions,
                Heads = shape.Heads,
                HeadDim = shape.HeadDim,
                Dims = dims,
            };
            _pool.Run(qkv.Rows, Chunk(qkv.Rows, 8L * qkv.Rows * shape.Width), &RotateJob.Run, &job);
        }
    }

    /// <inheritdoc/>
    public void StoreKeysValues(KvCache cache, int layer, Tensor qkv, PreparedBatch batch)
    {
        Store(Of(cache), layer, Of(qkv), Of(batch));
        GC.KeepAlive(batch);
    }

    /// <inheritdoc/>
    public void Attend(Tensor y, Tensor qkv, KvCache? cache, int layer, PreparedBatch batch, AttentionShape shape, Tensor? logSum)
    {
        CpuBatch rows = Of(batch);
        CpuKvCache pages;
        if (cache is null)
        {
            // The batch's own keys and values go into scratch pages first, and the one kernel reads those: same bits as with a cache.
            pages = OwnPages(rows, shape);
            layer = 0;
            Store(pages, layer, Of(qkv), rows);
        }
        else
        {
            pages = Of(cache);
        }

        var job = new AttendJob
        {
            Qkv = Of(qkv).Data,
            QkvStride = Of(qkv).Stride,
            Y = Of(y).Data,
            YStride = Of(y).Stride,
            LogSum = logSum is null ? null : Of(logSum).Data,
            LogSumStride = logSum is null ? 0 : Of(logSum).Stride,
            Keys = pages.Keys(layer),
            Values = pages.Values(layer),
            Layout = pages.Layout,
            Shape = shape,
            Blocks = rows.Blocks,
            BlockCount = rows.BlockCount,
            Scratch = Scratch(Attending.ScratchLength(rows.LongestSequence, shape.HeadDim), out nint stride),
            ScratchStride = stride,
        };
        int items = rows.BlockCount * shape.Heads;
        _pool.Run(items, Chunk(items, 2 * rows.Pairs * shape.Width), _kernels.Attend(pages), &job);
        GC.KeepAlive(batch);
    }

    private void Store(CpuKvCache cache, int layer, CpuTensor qkv, CpuBatch batch)
    {
        int notFinite = 0;
        var job = new StoreJob
        {
            Qkv = qkv.Data,
            QkvStride = qkv.Stride,
            Keys = cache.Keys(layer),
            Values = cache.Values(layer),
            Layout = cache.Layout,
            Places = batch.Places,
            NotFinite = &notFinite,
        };
        int chunk = Math.Max(16, Chunk(qkv.Rows, (long)qkv.Rows * qkv.Cols));
        _pool.Run(qkv.Rows, chunk, KernelSet.Store(cache.Format), &job);
        cache.IsFinite &= notFinite == 0;
    }

    private CpuKvCache OwnPages(CpuBatch batch, AttentionShape shape)
    {
        if (batch.HasPages)
        {
            throw new BackendException("Attention without a cache was given a batch whose sequences have cache pages; pass the cache, or add the sequences without pages.");
        }

        if (_own is null || _own.Heads != shape.Heads || _own.HeadDim != shape.HeadDim || _own.Pages < batch.ScratchPages)
        {
            _own?.Dispose();
            _own = null;
            _own = new CpuKvCache(1, shape.Heads, shape.HeadDim, batch.ScratchPages, PreferredPageSize, CacheFormat.F32);
        }

        return _own;
    }
}
