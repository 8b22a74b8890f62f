using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Backends.Reference;
using Palmyra.Checkpoints;
using Palmyra.Diagnostics;
using Palmyra.Generation;
using Palmyra.Generation.Sampling;
using Palmyra.Models;
using Palmyra.Testing;

namespace Palmyra.Tests.Generation;

/// <summary>Where the largest logits are enough, choosing from them is choosing from all, to the bit; where they are not, all are read.</summary>
public sealed class LargestLogitsTests
{
    private const int Vocabulary = 60;

    private static readonly ModelConfig Config = TinyModel.Gpt2 with { VocabularySize = Vocabulary, ContextLength = 1000, EosTokenIds = [] };

    private static readonly GenerationOptions Greedy = new() { MaxNewTokens = 150, EosTokenIds = [] };

    private static readonly GenerationOptions Sampled = Greedy with { DoSample = true, TopK = 9, Seed = 3, NumReturnSequences = 3 };

    public static TheoryData<string, string> Choices
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string name in Named.Keys)
            {
                data.Add(name, "reference");
                data.Add(name, "cpu");
            }

            return data;
        }
    }

    public static TheoryData<string> Backends => ["reference", "cpu"];

    private static Dictionary<string, GenerationOptions> Named { get; } = new()
    {
        ["greedy"] = Greedy,
        ["greedy, five told"] = Greedy with { TopLogProbabilities = 5 },
        ["top-k"] = Sampled,
        ["top-k, more told than kept"] = Sampled with { TopLogProbabilities = 20 },
        ["top-k of one"] = Sampled with { TopK = 1 },
        ["top-k of all but one"] = Sampled with { TopK = Vocabulary - 1 },
        ["cold"] = Sampled with { Temperature = 0.3f },
        ["temperature makes ties"] = Sampled with { Temperature = 1.95f },
        ["so cold that logits overflow"] = Sampled with { Temperature = 1e-38f },
        ["top-p"] = Sampled with { TopP = 0.6f },
        ["min-p"] = Sampled with { MinP = 0.2f },
        ["typical"] = Sampled with { TypicalP = 0.7f },
        ["epsilon and eta"] = Sampled with { EpsilonCutoff = 0.05f, EtaCutoff = 0.1f },
        ["renormalized"] = Sampled with { RenormalizeLogits = true, Temperature = 1.3f },
        ["Mesh Transformer JAX"] = Sampled with { FilterOrder = FilterOrder.MeshTransformerJax, Temperature = 0.8f, MinP = 0.1f },
        ["OpenAI"] = Sampled with { FilterOrder = FilterOrder.OpenAI, Temperature = 0.8f, TopP = 0.9f },
        ["Megatron"] = Sampled with { FilterOrder = FilterOrder.Megatron, Temperature = 0.8f },
    };

    [Theory]
    [MemberData(nameof(Choices))]
    public void The_choice_is_that_from_all_logits(string name, string backend)
    {
        using IBackend ranking = Backend(backend);
        int enough = 0;
        string[] few = Play(Named[name], (job, logits) =>
        {
            // A neighbour may have asked for more.
            int count = Math.Min(Vocabulary, job.Largest!.Value + (int)(100 * Math.Abs(logits[0])) % 4);
            using Tensor all = OpCases.Tensor(ranking, 1, Vocabulary, logits);
            using Tensor top = ranking.Allocate(1, 3 * count);
            ranking.Top(top, all);
            var largest = new LargestLogits(OpCases.Values(ranking, top));
            if (!job.IsEnough(largest))
            {
                return default;
            }

            enough++;
            return largest;
        });
        string[] all = Play(Named[name], (_, _) => default);
        Assert.Equal(all, few);
        Assert.True(enough > 20, $"{enough} rows were chosen from their largest logits.");
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Whole_texts_are_those_from_all_logits(string backend)
    {
        using Transformer model = TinyModel.Create(TinyModel.GptJ, Backend(backend));
        using var generator = new Generator(model);
        foreach (string name in Named.Keys)
        {
            GenerationOptions options = Named[name] with { MaxNewTokens = 20, TopK = Math.Min(Named[name].TopK, 12) };
            IReadOnlyList<GeneratedSequence> few = generator.Generate(TinyModel.Prompt(4), options);
            IReadOnlyList<GeneratedSequence> all = generator.Generate(TinyModel.Prompt(4), options with { OutputScores = true });
            Assert.Equal(all.Select(Fingerprint), few.Select(Fingerprint));
        }

        model.Backend.Dispose();
    }

    [Fact]
    public void A_request_says_how_few_logits_it_needs()
    {
        GenerationOptions greedy = Greedy;
        GenerationOptions sampled = Sampled with { NumReturnSequences = 1 };
        (GenerationOptions Options, int? Few)[] cases =
        [
            (greedy, 1),
            (greedy with { TopLogProbabilities = 7 }, 7),
            (greedy with { HiddenStateLayers = [0] }, 1),
            (greedy with { Temperature = 2, TopK = 5 }, 1),
            (greedy with { RenormalizeLogits = true }, null),
            (greedy with { OutputLogits = true }, null),
            (greedy with { OutputScores = true }, null),
            (greedy with { RepetitionPenalty = 1.1f }, null),
            (greedy with { RemoveInvalidValues = true }, null),
            (greedy with { LogitsProcessors = [new RenormalizeProcessor()] }, null),
            (greedy with { NumBeams = 2 }, null),
            (greedy with { TopLogProbabilities = Vocabulary }, Vocabulary),
            (greedy with { TopLogProbabilities = Vocabulary + 1 }, null),
            (sampled, 10),
            (sampled with { TopLogProbabilities = 7 }, 10),
            (sampled with { TopLogProbabilities = 17 }, 17),
            (sampled with { Temperature = 2, TopP = 0.5f, MinP = 0.1f }, 10),
            (sampled with { TopK = 0 }, null),
            (sampled with { TopK = Vocabulary - 1 }, Vocabulary),
            (sampled with { TopK = Vocabulary }, null),
            (sampled with { TopK = int.MaxValue }, null),
            (sampled with { FilterOrder = FilterOrder.MeshTransformerJax }, 9),
            (sampled with { FilterOrder = FilterOrder.MeshTransformerJax, TopP = 0.5f }, null),
            (sampled with { FilterOrder = FilterOrder.OpenAI, TopP = 0.5f }, 10),
            (sampled with { FilterOrder = FilterOrder.Megatron }, 10),
            (sampled with { FilterOrder = FilterOrder.Megatron, TopP = 0.5f }, null),
        ];
        Assert.All(cases, test => Assert.Equal(test.Few, Job(test.Options).Largest));
        var large = new GenerationRequest([1], sampled with { TopK = IBackend.MostTop });
        Assert.Null(GenerationJob.Create(large, Config with { VocabularySize = 5000 }, null, null, default).Largest);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_logit_that_is_no_number_is_told(string backend)
    {
        // The head reads the tokens' rows, and 37 is in no prompt.
        var weights = new RandomWeights(TinyModel.Gpt2, 7);
        WeightView Spoil(WeightEntry entry)
        {
            WeightView view = weights.View(entry);
            if (entry.Rows != TinyModel.Gpt2.VocabularySize)
            {
                return view;
            }

            var values = new float[entry.Rows * entry.Cols];
            view.CopyRows(0, entry.Rows, values);
            values[37 * entry.Cols] = float.NaN;
            return WeightView.FromArray(entry.Name, entry.Rows, entry.Cols, values);
        }

        using IBackend kind = Backend(backend);
        using Transformer model = TransformerLoader.Load(TinyModel.Gpt2, kind, MatrixFormat.F32, Spoil);
        using var generator = new Generator(model);
        foreach (GenerationOptions options in new[] { Greedy, Sampled })
        {
            string few = Message(options);
            Assert.Contains("The logits after 2 tokens contain NaN", few, StringComparison.Ordinal);
            Assert.Equal(Message(options with { OutputScores = true }), few);
        }

        string Message(GenerationOptions options) =>
            Assert.Throws<GenerationException>(() => generator.Generate([1, 2], options with { MaxNewTokens = 5 })).Message;
    }

    [Fact]
    public void A_step_allocates_nothing()
    {
        using var backend = new CpuBackend();
        using Transformer model = TinyModel.Create(TinyModel.GptJ with { ContextLength = 400 }, backend);
        foreach (GenerationOptions options in new[] { Greedy, Sampled with { NumReturnSequences = 1, Temperature = 0.8f, TopP = 0.9f } })
        {
            var meter = new Meter();
            using var generator = new Generator(model, () => meter, 512, 0);
            generator.Generate(TinyModel.Prompt(3), options with { MaxNewTokens = 380 });

            // Lists of tokens and pages double for the last time at token 256.
            Assert.Equal(380, meter.Allocated.Count);
            Assert.All(meter.Allocated.TakeLast(100), bytes => Assert.Equal(0, bytes));
        }
    }

    private static IBackend Backend(string name) =>
        new CheckedBackend(name == "cpu" ? new CpuBackend(new CpuOptions { Threads = 2 }) : new ReferenceBackend());

    private static GenerationJob Job(GenerationOptions options) =>
        GenerationJob.Create(new GenerationRequest([1, 2], options), Config, null, null, default);

    private delegate LargestLogits Ranking(GenerationJob job, float[] logits);

    // Runs a job on invented logits, a fixed function of sequence and length: numbers; coarse ones with many ties; many −∞; neighbouring floats,
    // which a temperature just below them makes equal.
    private static string[] Play(GenerationOptions options, Ranking rank)
    {
        GenerationJob job = Job(options);
        var pool = new PagePool();
        job.Start();
        while (job.Open.Count > 0)
        {
            foreach (Sequence sequence in job.Open.ToArray())
            {
                int step = sequence.Tokens.Length;
                float[] logits = Numbers.Spread((1000 * sequence.Number) + step, Vocabulary, 5);
                for (int id = 0; id < Vocabulary; id++)
                {
                    logits[id] = (step % 4) switch
                    {
                        0 => logits[id],
                        1 => MathF.Round(logits[id]),
                        2 => id % 5 == 0 ? logits[id] : float.NegativeInfinity,
                        _ => 1.97f + (MathF.Round(20 * MathF.Abs(logits[id])) / (1 << 23)),
                    };
                }

                LargestLogits largest = job.Largest is null ? default : rank(job, logits);
                job.Advance(sequence, largest.Count > 0 ? new NextLogits(largest) : new NextLogits(logits.AsSpan()), pool);
            }
        }

        job.Complete(null);
        return [.. job.Completion.Task.Result.Select(Fingerprint)];
    }

    private static string Fingerprint(GeneratedSequence sequence) => GeneratorTests.Fingerprint(sequence)
        + string.Join(' ', sequence.TopLogProbabilities.Select(best => $"[{string.Join(' ', best.Select(token => $"{token.Token} {token.LogProbability:R}"))}]"));

    // Runs on the generator's thread, once a token.
    private sealed class Meter : ITokenDecoder
    {
        private long _before = GC.GetAllocatedBytesForCurrentThread();

        public List<long> Allocated { get; } = new(400);

        public string Push(int token)
        {
            long now = GC.GetAllocatedBytesForCurrentThread();
            Allocated.Add(now - _before);
            _before = now;
            return string.Empty;
        }

        public string Flush() => string.Empty;
    }
}
