using BenchmarkDotNet.Attributes;
using Palmyra.Backends;
using Palmyra.Evaluation.Speed;
using Palmyra.Models;

namespace Palmyra.Benchmarks.Models;

/// <summary>GPT-2 124M with random weights: a prompt of 512 tokens, sixteen tokens decoded after it, and a step of eight sequences.</summary>
public class ModelBenchmarks
{
    private const int Prompt = 512;
    private const int Decoded = 16;
    private const int Sequences = 8;

    private RandomModel _model = null!;
    private SpeedMeasurement _measurement = null!;
    private Workspace _rows = null!;
    private KvCache _cache = null!;
    private Batch _batch = null!;
    private float[] _logits = null!;
    private PreparedBatch? _prepared;

    /// <summary>How matrices are stored.</summary>
    [Params(MatrixFormat.F32, MatrixFormat.F16, MatrixFormat.BF16, MatrixFormat.Q8, MatrixFormat.Q4)]
    public MatrixFormat Format { get; set; }

    /// <summary>Threads.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>Makes weights, runs the prompt.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _model = new RandomModel("gpt2", Format, Threads);
        _measurement = new SpeedMeasurement(_model.Transformer, Prompt, Decoded, CacheFormat.F32);
        _measurement.Prefill();
        IBackend backend = _model.Transformer.Backend;
        ModelConfig config = _model.Transformer.Config;
        _rows = new Workspace(backend, config);
        _cache = backend.CreateKvCache(config.Layers, config.Heads, config.HeadDim, Sequences, backend.PreferredPageSize, CacheFormat.F32);
        _logits = new float[Sequences * config.VocabularySize];
        _batch = new Batch();
        Fill(past: 0, RandomNumbers.Tokens(32, config.VocabularySize));
        Step();
        Fill(past: 32, [1]);
    }

    /// <summary>512 tokens, up to the last one's logits.</summary>
    [Benchmark]
    public void Prefill512() => _measurement.Prefill();

    /// <summary>A token's logits, after 512 others.</summary>
    [Benchmark(OperationsPerInvoke = Decoded)]
    public void Decode() => _measurement.Decode(Decoded);

    /// <summary>One step of eight sequences that decode together, each after 32 tokens: eight tokens' logits.</summary>
    [Benchmark]
    public void EightRows() => Step();

    /// <summary>Gives the memory back.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (IDisposable item in new IDisposable[] { _measurement, _cache, _rows, _model })
        {
            item.Dispose();
        }
    }

    private void Fill(int past, int[] tokens)
    {
        _batch.Clear();
        for (int sequence = 0; sequence < Sequences; sequence++)
        {
            _batch.Add(tokens, past, [sequence]);
        }
    }

    private void Step()
    {
        Transformer model = _model.Transformer;
        _prepared = model.Backend.Prepare(_batch, _prepared);
        Tensor hidden = model.Forward(_prepared, _cache, _rows);
        Span<int> last = stackalloc int[Sequences];
        int rows = _batch.Rows / Sequences;
        for (int sequence = 0; sequence < Sequences; sequence++)
        {
            last[sequence] = ((sequence + 1) * rows) - 1;
        }

        model.Backend.Read(model.Logits(hidden, last, _rows), _logits);
    }
}
