using Palmyra.Backends;
using Palmyra.Checkpoints;

namespace Palmyra.Models;

/// <summary>Builds a <see cref="Transformer"/> on a backend from whatever supplies its tensors: a checkpoint or random numbers.</summary>
public static class TransformerLoader
{
    /// <summary>Loads every weight.</summary>
    /// <param name="config">The hyper-parameters.</param>
    /// <param name="backend">Where to put the weights.</param>
    /// <param name="format">How matrices are stored, by <see cref="StorageFormat"/>; each as its source has it if null. Gains and biases are 32-bit.</param>
    /// <param name="source">Gives the view of a tensor, [outputs, inputs] whatever the file's orientation.</param>
    /// <param name="progress">Told the share of parameters loaded, 0 to 1; or null.</param>
    /// <param name="cancellation">Looked at between tensors; what was loaded is given back.</param>
    public static Transformer Load(
        ModelConfig config,
        IBackend backend,
        MatrixFormat? format,
        Func<WeightEntry, WeightView> source,
        IProgress<double>? progress = null,
        CancellationToken cancellation = default)
    {
        var map = new WeightMap(config);
        var owned = new List<IDisposable>();
        long total = map.ParameterCount;
        long loaded = 0;
        try
        {
            Matrix tokens = LoadMatrix(MatrixRole.Tokens, map.Tokens);
            Matrix? positions = map.Positions is null ? null : LoadMatrix(MatrixRole.Positions, map.Positions);
            Block[] blocks = [.. map.Blocks.Select(block => new Block(
                LoadVector(block.Norm1Gain),
                LoadVector(block.Norm1Bias),
                LoadMatrix(MatrixRole.Layer, [.. block.Qkv]),
                LoadOptional(block.QkvBias),
                LoadMatrix(MatrixRole.Layer, block.Out),
                LoadOptional(block.OutBias),
                LoadOptional(block.Norm2Gain),
                LoadOptional(block.Norm2Bias),
                LoadMatrix(MatrixRole.Layer, block.Up),
                LoadVector(block.UpBias),
                LoadMatrix(MatrixRole.Layer, block.Down),
                LoadVector(block.DownBias)))];
            var weights = new TransformerWeights(
                tokens,
                positions,
                blocks,
                LoadVector(map.NormGain),
                LoadVector(map.NormBias),
                map.Head is null ? tokens : LoadMatrix(MatrixRole.Head, map.Head),
                LoadOptional(map.HeadBias));
            return new Transformer(config, weights, backend);
        }
        catch
        {
            owned.ForEach(item => item.Dispose());
            throw;
        }

        Matrix LoadMatrix(MatrixRole role, params WeightEntry[] entries)
        {
            cancellation.ThrowIfCancellationRequested();
            WeightView view = entries.Length == 1 ? source(entries[0]) : WeightView.Stack([.. entries.Select(source)]);
            Matrix matrix = backend.LoadMatrix(view, StorageFormat.For(role, format, view.StoredFormat));
            owned.Add(matrix);
            Report(entries);
            return matrix;
        }

        Tensor LoadVector(WeightEntry entry)
        {
            var values = new float[entry.Cols];
            source(entry).CopyRows(0, 1, values);
            Tensor vector = backend.Allocate(1, entry.Cols);
            owned.Add(vector);
            backend.Write(vector, values);
            Report([entry]);
            return vector;
        }

        Tensor? LoadOptional(WeightEntry? entry) => entry is null ? null : LoadVector(entry);

        void Report(WeightEntry[] entries)
        {
            loaded += entries.Sum(entry => entry.Count);
            progress?.Report((double)loaded / total);
        }
    }
}
