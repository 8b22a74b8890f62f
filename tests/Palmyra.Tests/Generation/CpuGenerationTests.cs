using Palmyra.Backends;
using Palmyra.Backends.Cpu;
using Palmyra.Generation;
using Palmyra.Generation.Sampling;
using Palmyra.Models;

namespace Palmyra.Tests.Generation;

/// <summary>The same promises on the backend people use.</summary>
public sealed class CpuGenerationTests
{
    public static TheoryData<string> Families => ["gpt2", "gptj", "gptneo"];

    [Theory]
    [MemberData(nameof(Families))]
    public void Batch_chunks_and_cache_change_no_bit(string family)
    {
        ModelConfig config = family == "gpt2" ? TinyModel.Gpt2 : family == "gptj" ? TinyModel.GptJ : TinyModel.GptNeo;
        using var backend = new CheckedBackend(new CpuBackend());
        using Transformer model = TinyModel.Create(config, backend);
        var options = new GenerationOptions { MaxNewTokens = 20, EosTokenIds = [] };
        GenerationOptions sliding = options with { MaxNewTokens = 90, ContextOverflow = ContextOverflow.SlidingWindow };
        GenerationRequest[] requests =
        [
            new(TinyModel.Prompt(3), options with { DoSample = true, Seed = 4, NumReturnSequences = 3 }),
            new(TinyModel.Prompt(11), options with { NumBeams = 3, NumReturnSequences = 2 }),
            new(TinyModel.Prompt(6), options with { UseCache = false }),
            new(TinyModel.Prompt(9), sliding),
            new(TinyModel.Prompt(9), sliding with { UseCache = false }),
        ];
        using var one = new Generator(model);
        string[] expected = [.. requests.SelectMany(request => one.Generate([request])[0]).Select(GeneratorTests.Fingerprint)];
        using var many = new Generator(model, rowBudget: 5, maxCachedTokens: 10_000);
        Assert.Equal(expected, many.Generate(requests).SelectMany(found => found).Select(GeneratorTests.Fingerprint));
        Assert.Equal(expected[^2], expected[^1]);
        Assert.Equal(0, many.PagesInUse);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_step_allocates_nothing(string family)
    {
        ModelConfig config = family == "gpt2" ? TinyModel.Gpt2 : family == "gptj" ? TinyModel.GptJ : TinyModel.GptNeo;
        using var backend = new CpuBackend();
        using Transformer model = TinyModel.Create(config with { ContextLength = 400 }, backend);
        using var generator = new Generator(model);
        var meter = new Meter();
        var options = new GenerationOptions
        {
            MaxNewTokens = 300, EosTokenIds = [], DoSample = true, Seed = 1, TopP = 0.9f, RepetitionPenalty = 1.2f, NoRepeatNgramSize = 5,
            LogitsProcessors = [meter],
        };
        generator.Generate(TinyModel.Prompt(3), options);

        // Lists of tokens and pages still double now and then, and the runtime compiles a method a second time.
        Assert.Equal(300, meter.Allocated.Count);
        Assert.InRange(meter.Allocated.Count(bytes => bytes > 0), 0, 30);
    }

    // Runs on the generator's thread, once a token.
    private sealed class Meter : ILogitsProcessor
    {
        private long _before = GC.GetAllocatedBytesForCurrentThread();

        public List<long> Allocated { get; } = new(300);

        public void Process(ReadOnlySpan<int> tokens, Span<float> logits, in LogitsContext context)
        {
            long now = GC.GetAllocatedBytesForCurrentThread();
            Allocated.Add(now - _before);
            _before = now;
        }
    }
}
