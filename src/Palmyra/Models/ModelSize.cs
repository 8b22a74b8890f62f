using Palmyra.Backends;
using Palmyra.Quantization;

namespace Palmyra.Models;

/// <summary>How large a model is, computed from the shapes of its tensors alone: parameters, bytes, cache, operations.</summary>
public sealed class ModelSize
{
    private readonly ModelConfig _config;
    private readonly WeightMap _map;

    /// <summary>Sizes a model.</summary>
    /// <param name="config">Its shape.</param>
    public ModelSize(ModelConfig config)
    {
        _config = config;
        _map = new WeightMap(config);
    }

    /// <summary>All parameters N, as transformers' <c>num_parameters()</c> counts them.</summary>
    public long Parameters => _map.ParameterCount;

    /// <summary>Parameters outside the token and position embeddings and an untied head: N of Kaplan et al. 2020 (arXiv:2001.08361).</summary>
    public long NonEmbeddingParameters =>
        _map.ParameterCount - _map.Tokens.Count - (_map.Positions?.Count ?? 0) - (_map.Head?.Count ?? 0) - (_map.HeadBias?.Count ?? 0);

    /// <summary>Parameters of the layers' matrices: every token of a text is multiplied with them.</summary>
    public long LayerMatrixParameters =>
        _map.Blocks.Sum(block => block.Qkv.Sum(part => part.Count) + block.Out.Count + block.Up.Count + block.Down.Count);

    /// <summary>Parameters of the matrix that gives logits: only tokens whose successor is asked for are multiplied with it.</summary>
    public long HeadParameters => (_map.Head ?? _map.Tokens).Count;

    /// <summary>Bytes of all weights: matrices in <paramref name="format"/>, gains and biases in 32 bits, without a backend's padding.</summary>
    /// <param name="format">How matrices are stored, by <see cref="StorageFormat"/>.</param>
    public long WeightBytes(MatrixFormat format) =>
        _map.Vectors.Sum(entry => entry.Count * sizeof(float)) + _map.Matrices.Sum(matrix => MatrixBytes(matrix, format));

    /// <summary>Bytes of weights that one decoded token makes the machine read, embedding rows left out: what bounds decoding.</summary>
    /// <param name="format">How matrices are stored.</param>
    public long BytesReadPerToken(MatrixFormat format) => _map.Matrices
        .Where(matrix => matrix.Role is MatrixRole.Layer or MatrixRole.Head || (matrix.Role == MatrixRole.Tokens && _map.Head is null))
        .Sum(matrix => MatrixBytes(matrix, format));

    /// <summary>Bytes of keys and values a cached token takes over all layers: 2·L·C numbers, and in Q8 2·L·H scales of 4 bytes.</summary>
    /// <param name="format">How the cache stores them.</param>
    public long CacheBytesPerToken(CacheFormat format) => 2L * _config.Layers * (format switch
    {
        CacheFormat.F32 => 4L * _config.Width,
        CacheFormat.F16 => 2L * _config.Width,
        _ => _config.Width + (4L * _config.Heads),
    });

    /// <summary>Bytes of the rows a step writes to: activations of every row, hidden states and logits of the selected ones. See <see cref="Workspace"/>.</summary>
    /// <param name="rows">Tokens in the step.</param>
    /// <param name="selected">How many of them the head reads: one for each sequence.</param>
    public long WorkspaceBytes(int rows, int selected) =>
        sizeof(float) * (((long)rows * ((6L * _config.Width) + _config.HiddenWidth)) + (selected * ((long)_config.Width + _config.VocabularySize)));

    /// <summary>
    /// The count mesh-transformer-jax reports for a GPT-J trained over <paramref name="shards"/> model-parallel shards: every shard keeps
    /// its own copy of both norm vectors, of the feed-forward's output bias and of the embedding's bias.
    /// </summary>
    /// <remarks>
    /// Null for the other families. For GPT-J-6B over 8 shards this is 6,053,381,344, the number on its model card; the checkpoint has
    /// 6,050,882,784, because conversion keeps one norm copy, sums the output biases and folds the embedding bias into the rows.
    /// </remarks>
    /// <param name="shards">The number of shards S, at least 1.</param>
    public long? ShardedParameters(int shards)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shards);
        if (_config.Family != ModelFamily.GptJ)
        {
            return null;
        }

        // Copied per shard: two norm vectors and fc_out's bias of each layer, the last norm's two vectors. The embedding bias exists only there.
        long copied = (3L * _config.Layers) + 2;
        return Parameters + ((((shards - 1) * copied) + shards) * _config.Width);
    }

    /// <summary>Bytes of a matrix.</summary>
    /// <param name="format">How it is stored.</param>
    /// <param name="rows">Outputs.</param>
    /// <param name="cols">Inputs.</param>
    public static long MatrixBytes(MatrixFormat format, int rows, int cols) => format switch
    {
        MatrixFormat.F32 => (long)rows * cols * sizeof(float),
        MatrixFormat.F16 or MatrixFormat.BF16 => (long)rows * cols * sizeof(ushort),
        _ => PanelLayout.Bytes(format, rows, cols),
    };

    private long MatrixBytes(MatrixEntries matrix, MatrixFormat format) =>
        MatrixBytes(StorageFormat.For(matrix.Role, format, FloatFormat(_config.StoredType)), matrix.Rows, matrix.Cols);

    // The position table's: a model of integers keeps it as the checkpoint has it.
    private static MatrixFormat FloatFormat(string? storedType) => storedType switch
    {
        "float16" => MatrixFormat.F16,
        "bfloat16" => MatrixFormat.BF16,
        _ => MatrixFormat.F32,
    };
}
